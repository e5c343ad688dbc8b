import type { ModuleRef } from '@pythond/jobs';
import { type BundleEntry, byPath } from './entry.ts';
import { type BundleLimits, defaultBundleLimits } from './limits.ts';
import { listModules } from './modules.ts';
import type { BundleProblem } from './problem.ts';
import { readStable } from './read-stable.ts';
import { findDir, findFile, type Root } from './roots.ts';
import { Tally } from './tally.ts';
import { type FoundFile, walk } from './walk.ts';
import { caseCollision } from './walk-problems.ts';

export interface BundleRequest {
  /** The folder that holds `python.d`. */
  readonly home: string;
  /** Homes that come before it (of git repos, say): for each entry the first one that has it counts. */
  readonly overlays?: readonly string[];
  /** As written in the block: relative to `python.d`, or absolute; folders or single `.py` files. */
  readonly dirs: readonly string[];
  /** Further files and folders, relative to the home, or absolute. */
  readonly files: readonly string[];
  readonly limits?: BundleLimits;
}

export interface CollectedBundle {
  /** Sorted by path, every folder before what it holds. Empty when nothing was found or nothing may be packed. */
  readonly entries: readonly BundleEntry[];
  /** Sorted by dir and name. */
  readonly modules: readonly ModuleRef[];
  /** The dirs that were found, as paths in the bundle, in the order of the block: what user code may import from. */
  readonly roots: readonly string[];
  readonly problems: readonly BundleProblem[];
}

/** Enough to keep the disk busy, few enough that open files are no concern. */
const READS_AT_ONCE = 16;

/**
 * Reads everything that belongs into an input's bundle. What is wrong with the user's files becomes a problem, never
 * an exception, and the rest goes on; only when a limit of the whole bundle is passed nothing is collected.
 */
export async function collectBundle(request: BundleRequest): Promise<CollectedBundle> {
  const limits = request.limits ?? defaultBundleLimits;
  const { roots, problems } = await findRoots(request);
  const walked = await walk(roots, limits);
  problems.push(...walked.problems);
  const nothing = { entries: [], modules: [], roots: [] };
  if (walked.refusal) return { ...nothing, problems: [...distinct(problems), walked.refusal] };

  const read = await readAll([...walked.files.values()], limits);
  problems.push(...read.problems.sort((a, b) => (a.path < b.path ? -1 : 1)));
  if (read.refusal) return { ...nothing, problems: [...distinct(problems), read.refusal] };
  const listed = listModules(roots, read.files);
  problems.push(...listed.problems, ...caseCollisions(read.files));
  return {
    entries: [...foldersOf(walked.folders), ...read.entries].sort(byPath),
    modules: listed.modules,
    roots: [...new Set(roots.filter((root) => root.kind === 'dirs').map((root) => root.at))],
    problems: distinct(problems),
  };
}

/** Every entry of `dirs` and `files`: where it is, or why there is nothing. */
export async function findRoots({ home, overlays = [], dirs, files }: BundleRequest) {
  const roots: Root[] = [];
  const problems: BundleProblem[] = [];
  const homes = [...overlays, home];
  const looked = [
    ...dirs.map((entry) => findDir(homes, entry)),
    ...files.map((entry) => findFile(homes, entry)),
  ];
  for (const found of await Promise.all(looked)) {
    if ('level' in found) problems.push(found);
    else if (!roots.some((root) => root.at === found.at && root.only === found.only)) roots.push(found);
  }
  return { roots, problems };
}

async function readAll(found: readonly FoundFile[], limits: BundleLimits) {
  const entries: BundleEntry[] = [];
  const files = new Map<string, FoundFile>();
  const problems: BundleProblem[] = [];
  // Counted again: a file may have grown since it was looked at.
  const tally = new Tally(limits);
  const queue = found.values();
  const reader = async () => {
    for (const file of queue) {
      if (tally.problem()) return;
      const read = await readStable(file.real, limits);
      if ('level' in read) {
        problems.push(read);
        continue;
      }
      tally.add(file.real, read.content.length);
      files.set(file.path, file);
      entries.push({ kind: 'file', path: file.path, ...read });
    }
  };
  await Promise.all(Array.from({ length: READS_AT_ONCE }, reader));
  return { entries, files, problems, refusal: tally.problem() };
}

function foldersOf(folders: ReadonlySet<string>): BundleEntry[] {
  return [...folders].map((path) => ({ kind: 'folder', path }));
}

/** Files whose names a file system without capitals (macOS) can't tell apart. */
function caseCollisions(files: ReadonlyMap<string, FoundFile>): BundleProblem[] {
  const seen = new Map<string, FoundFile>();
  const problems: BundleProblem[] = [];
  for (const file of [...files.values()].sort(byPath)) {
    const folded = file.path.normalize('NFC').toLowerCase();
    const other = seen.get(folded);
    if (other) problems.push(caseCollision(other.real, file.real));
    else seen.set(folded, file);
  }
  return problems;
}

/** Overlapping entries are walked once each, and may find the same problem twice. */
function distinct(problems: readonly BundleProblem[]): BundleProblem[] {
  const seen = new Map<string, BundleProblem>();
  for (const problem of problems) {
    const key = JSON.stringify([problem.code, problem.path]);
    if (!seen.has(key)) seen.set(key, problem);
  }
  return [...seen.values()];
}
