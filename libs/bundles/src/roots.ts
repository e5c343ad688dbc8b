import { realpath, stat } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, normalize, relative, resolve } from 'node:path';
import { systemCode } from './errors.ts';
import type { BundleProblem } from './problem.ts';
import * as problem from './root-problems.ts';

/** An entry of `dirs` or `files` that was found: what is to be packed, and where in the bundle. */
export interface Root {
  readonly kind: problem.RootKey;
  /** As the user wrote it, without a trailing slash. */
  readonly entry: string;
  /** The folder (for `files` also a file) on the disk, every link resolved. */
  readonly real: string;
  /** Its path in the bundle. */
  readonly at: string;
  /** For an entry of `dirs` that is a file: its name; only that module is listed. */
  readonly only: string | null;
}

/** Kernel file systems hold no scripts, and reading them may block for ever; `/` holds them. */
const REFUSED = /^\/(?:$|(?:proc|sys|dev)(?:\/|$))/;

/** Whether `path` is `folder` or below it; both absolute and normalised. */
export function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith('/') ? folder : `${folder}/`);
}

/**
 * Finds an entry of `dirs`: relative to the first `python.d` of the homes that has it; absolute as it is when it exists
 * (PYTHOND.md fact 4), else below `python.d` as the original takes it; a single `.py` file stands for its folder (fact 9).
 */
export async function findDir(homes: readonly string[], written: string): Promise<Root | BundleProblem> {
  const entry = withoutSlash(written);
  const pythonDs = homes.map((home) => join(resolve(home), 'python.d'));
  const below = pythonDs.map((pythonD) => join(pythonD, entry));
  const within = below.filter((path, index) => isWithin(path, pythonDs[index] ?? path));
  if (!isAbsolute(entry) && within.length === 0) {
    return problem.outsideHome('dirs', entry, below.at(-1) ?? entry);
  }
  const candidates = isAbsolute(entry) ? [normalize(entry), ...within] : within;
  const found = await firstExisting(candidates);
  if (found === null) return problem.missing('dirs', entry, candidates);
  if ('level' in found) return found;
  if (REFUSED.test(found.real)) return problem.refusedRoot('dirs', entry, found.real);
  const placed = { kind: 'dirs', entry } as const;
  if (found.type === 'folder')
    return { ...placed, real: found.real, at: dirAt(pythonDs, found.path), only: null };
  if (found.type === 'other') return problem.notAFolder('dirs', entry, found.path);
  if (!/\.py$/i.test(entry)) return problem.notAModule(entry, found.path);
  const folder = dirname(found.path);
  return { ...placed, real: await realpath(folder), at: dirAt(pythonDs, folder), only: basename(found.path) };
}

/** Finds an entry of `files`: a file or folder, relative to the first of the homes that has it, or absolute. */
export async function findFile(homes: readonly string[], written: string): Promise<Root | BundleProblem> {
  const entry = withoutSlash(written);
  const bases = homes.map((home) => resolve(home));
  const within = bases.filter((base) => isWithin(resolve(base, entry), base));
  if (!isAbsolute(entry) && within.length === 0) {
    return problem.outsideHome('files', entry, resolve(bases.at(-1) ?? '/', entry));
  }
  const candidates = isAbsolute(entry) ? [normalize(entry)] : within.map((base) => resolve(base, entry));
  const found = await firstExisting(candidates);
  if (found === null) return problem.missing('files', entry, candidates);
  if ('level' in found) return found;
  const { path, real } = found;
  if (REFUSED.test(real) || bases.includes(path)) return problem.refusedRoot('files', entry, real);
  if (found.type === 'other') return problem.notAFolder('files', entry, path);
  return { kind: 'files', entry, real, at: fileAt(bases, path), only: null };
}

/** A folder of the home that is itself called `abs` keeps out of the way of the absolute ones. */
function fileAt(homes: readonly string[], path: string): string {
  const home = homes.find((one) => isWithin(path, one));
  const below = home === undefined ? '' : relative(home, path);
  return home !== undefined && !isWithin(below, 'abs') ? `files/${below}` : `files/abs${path}`;
}

function withoutSlash(entry: string): string {
  return entry.replace(/(?<=.)\/+$/, '');
}

function dirAt(pythonDs: readonly string[], path: string): string {
  const pythonD = pythonDs.find((one) => isWithin(path, one));
  return pythonD !== undefined ? join('python.d', relative(pythonD, path)) : `abs${path}`;
}

interface Found {
  readonly path: string;
  readonly real: string;
  readonly type: 'folder' | 'file' | 'other';
}

async function firstExisting(candidates: readonly string[]): Promise<Found | BundleProblem | null> {
  for (const path of candidates) {
    try {
      const real = await realpath(path);
      const stats = await stat(real);
      return { path, real, type: stats.isDirectory() ? 'folder' : stats.isFile() ? 'file' : 'other' };
    } catch (error) {
      const code = systemCode(error);
      if (code !== 'ENOENT' && code !== 'ENOTDIR') return problem.unreadable(path, error);
    }
  }
  return null;
}
