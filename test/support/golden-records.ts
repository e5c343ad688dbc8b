import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { repository } from './cli.ts';

const root = path.join(repository, 'test/fixtures/records');

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
export type JsonObject = { [name: string]: Json };

/** Versions whose records are kept. */
export const goldenVersions: readonly string[] = readdirSync(root, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

/** A record or payload as a version wrote it: `run`, `delivery`, …. */
export function golden(version: string, kind: string): JsonObject {
  return JSON.parse(readFileSync(path.join(root, version, `${kind}.json`), 'utf8'));
}

/** The same as a later version might write it: with a field more in every object. */
export function withMore(value: Json, maps: ReadonlySet<string> = new Set()): Json {
  if (Array.isArray(value)) return value.map((one) => withMore(one, maps));
  if (value === null || typeof value !== 'object') return value;
  const known = Object.entries(value).map(([name, one]) => [
    name,
    maps.has(name) ? one : withMore(one, maps),
  ]);
  return { ...Object.fromEntries(known), ofLater: { made: 'by a later version' } };
}
