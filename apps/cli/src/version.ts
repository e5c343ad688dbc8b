import { readFileSync } from 'node:fs';

/** Of the package that this file is in; the whole workspace has one. */
export const version: string = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
).version;

/** The folder of `datakit_framework.py` and the Python host. */
export const corePath = new URL('../../../python.d/core', import.meta.url).pathname;
