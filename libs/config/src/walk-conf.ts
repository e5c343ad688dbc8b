import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from './file-bytes.ts';
import type { ProblemCode, ProblemLevel } from './problem.ts';

/** A folder that can't be looked through as it is. */
export interface WalkProblem {
  readonly level: ProblemLevel;
  readonly code: ProblemCode;
  readonly path: string;
  readonly message: string;
  readonly hint: string | null;
}

export interface Walk {
  /** Absolute, in the order in which DataKit would read them. */
  readonly files: string[];
  readonly problems: WalkProblem[];
}

export interface WalkLimits {
  readonly files: number;
  readonly folders: number;
  readonly depth: number;
}

export const walkLimits: WalkLimits = { files: 10_000, folders: 10_000, depth: 16 };

/** A backup (`x.conf.bak`, `x.conf~`) or a sample (`x.conf.sample`) does not end in this. */
const SUFFIX = '.conf';

/**
 * Finds the conf files under a folder: folders and files in the order of their names, as DataKit's `filepath.Walk`
 * does. Like there, links to files are followed and links to folders are not, so that no walk goes in a circle;
 * unlike there, hidden entries and the folder `samples` are left out. (In a ConfigMap, `x.conf` links to a hidden
 * folder: it is found once.)
 */
export async function walkConf(root: string, limits: WalkLimits = walkLimits): Promise<Walk> {
  const walk: Walk = { files: [], problems: [] };
  const todo = [{ path: root, depth: 0, isFolder: true }];
  let folders = 0;
  for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
    const { path, depth, isFolder } = next;
    const full = isFolder ? folders++ >= limits.folders : walk.files.length >= limits.files;
    if (full) return { ...walk, problems: [...walk.problems, tooMany(root, isFolder, limits)] };
    if (!isFolder) walk.files.push(path);
    else if (depth > limits.depth) walk.problems.push(tooDeep(path, limits));
    else for (const entry of (await entries(path, depth, walk)).reverse()) todo.push(entry);
  }
  return walk;
}

async function entries(
  folder: string,
  depth: number,
  walk: Walk,
): Promise<{ path: string; depth: number; isFolder: boolean }[]> {
  try {
    const found = await readdir(folder, { withFileTypes: true });
    return found
      .filter((entry) => isWanted(entry, depth))
      .sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)))
      .map((entry) => ({ path: join(folder, entry.name), depth: depth + 1, isFolder: entry.isDirectory() }));
  } catch (error) {
    walk.problems.push(unreadable(folder, depth, errorCode(error)));
    return [];
  }
}

function isWanted(entry: Dirent, depth: number): boolean {
  if (entry.name.startsWith('.')) return false;
  if (!entry.isDirectory()) return entry.name.endsWith(SUFFIX);
  return depth > 0 || entry.name !== 'samples';
}

function unreadable(path: string, depth: number, code: string): WalkProblem {
  if (depth === 0 && code === 'ENOENT') {
    const hint = 'make conf.d/pythond.conf from conf.d/samples/pythond.conf.sample';
    return { level: 'error', code: 'no-conf-d', path, message: 'there is no such folder', hint };
  }
  const message = `the folder can't be read: the system says ${code}`;
  return { level: 'error', code: 'unreadable', path, message, hint: null };
}

function tooDeep(path: string, { depth }: WalkLimits): WalkProblem {
  const message = `folders below this one are not looked into: it is ${depth} deep already`;
  return { level: 'error', code: 'walk-limit', path, message, hint: 'move its files up' };
}

function tooMany(path: string, folders: boolean, limits: WalkLimits): WalkProblem {
  const what = folders ? `${limits.folders} folders` : `${limits.files} conf files`;
  const message = `only the first ${what} are read`;
  return {
    level: 'error',
    code: 'walk-limit',
    path,
    message,
    hint: 'move what is no configuration elsewhere',
  };
}
