import { readdir } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { systemCode } from './errors.ts';
import { type BundleProblem, shown } from './problem.ts';

/** The key of the configuration that an entry stands in. */
export type RootKey = 'dirs' | 'files';

export function unreadable(path: string, error: unknown): BundleProblem {
  const code = systemCode(error);
  if (code === 'ELOOP') {
    return {
      level: 'error',
      code: 'link-loop',
      path,
      message: `${shown(path)} is a symbolic link that leads back to itself`,
      hint: 'Remove the link, or let it name a real file or folder.',
    };
  }
  return {
    level: 'error',
    code: 'unreadable',
    path,
    message: `${shown(path)} can't be read (${code || String(error)})`,
    hint: 'Let the user that runs the scheduler read it, or take it out of the configuration.',
  };
}

export async function missing(
  key: RootKey,
  entry: string,
  looked: readonly string[],
): Promise<BundleProblem> {
  const path = looked[0] ?? entry;
  const lookalike = await otherCapitals(path);
  return {
    level: 'error',
    code: 'missing',
    path,
    message: `${key} names ${shown(entry)}, but there is no ${looked.map(shown).join(' and no ')}`,
    hint: lookalike
      ? `There is ${shown(lookalike)}: the names differ in capitals only.`
      : `Create it, or correct the entry in ${key}.`,
  };
}

/** A neighbour whose name differs in capitals only, the manual's first question on "not found". */
async function otherCapitals(path: string): Promise<string | undefined> {
  const wanted = basename(path).toLowerCase();
  const names = await readdir(dirname(path)).catch(() => []);
  return names.sort().find((name) => name.toLowerCase() === wanted);
}

export function outsideHome(key: RootKey, entry: string, path: string): BundleProblem {
  const base = key === 'dirs' ? 'python.d' : 'the home folder';
  return {
    level: 'error',
    code: 'outside-home',
    path,
    message: `${key} names ${shown(entry)}, which leads out of ${base}`,
    hint: `Write it as an absolute path: ${shown(path)}`,
  };
}

export function refusedRoot(key: RootKey, entry: string, path: string): BundleProblem {
  return {
    level: 'error',
    code: 'refused-root',
    path,
    message: `${key} names ${shown(entry)}: ${shown(path)} can't be packed as a whole`,
    hint: `Name the folder that holds the ${key === 'dirs' ? 'scripts' : 'files'}, or a single file.`,
  };
}

export function notAFolder(key: RootKey, entry: string, path: string): BundleProblem {
  return {
    level: 'error',
    code: 'not-a-folder',
    path,
    message: `${key} names ${shown(entry)}, but ${shown(path)} is a pipe, a socket or a device`,
    hint: 'Name a folder or a file.',
  };
}

export function notAModule(entry: string, path: string): BundleProblem {
  return {
    level: 'error',
    code: 'not-a-module',
    path,
    message: `dirs names ${shown(entry)}, but ${shown(path)} is neither a folder nor a .py file`,
    hint: 'Name the folder that holds the scripts; a file that they read goes into files.',
  };
}
