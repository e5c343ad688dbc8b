import { createHash } from 'node:crypto';
import { type BundleRequest, findRoots } from './collect-bundle.ts';
import { byPath } from './entry.ts';
import { defaultBundleLimits } from './limits.ts';
import { walk } from './walk.ts';

/** What an input's files looked like, without their content having been read. */
export interface BundleStamp {
  /** Equal stamps mean equal content, but for files that changed within {@link FRESH_MS} of being looked at. */
  readonly stamp: string;
  /** When the newest of its files changed by the file system's own clock, milliseconds since 1970; 0 without a file. */
  readonly newestMs: number;
  /** The folders that were looked at, links resolved: whoever watches watches these. */
  readonly folders: readonly string[];
}

/**
 * A file that was written so short a time before it was looked at may be written again without its times showing it:
 * clocks of file systems tick in steps, up to two seconds on some.
 */
export const FRESH_MS = 3_000;

/** Looks at everything that {@link collectBundle} would read, and reads none of it. */
export async function stampBundle(request: BundleRequest): Promise<BundleStamp> {
  const { roots, problems } = await findRoots(request);
  const walked = await walk(roots, request.limits ?? defaultBundleLimits);
  const hash = createHash('sha256');
  const add = (...parts: readonly unknown[]) => hash.update(`${JSON.stringify(parts)}\n`);
  for (const { kind, entry, real, at, only } of roots) add('root', kind, entry, real, at, only);
  for (const path of [...walked.folders].sort()) add('folder', path);
  let newestNs = 0n;
  for (const { path, real, stats } of [...walked.files.values()].sort(byPath)) {
    const { size, mtimeNs, ctimeNs, ino, dev, mode } = stats;
    add('file', path, real, ...[size, mtimeNs, ctimeNs, ino, dev, mode].map(String));
    // of the two times that a write sets the one that nobody can set to another
    if (ctimeNs > newestNs) newestNs = ctimeNs;
  }
  for (const { code, path } of [...problems, ...walked.problems]) add('problem', code, path);
  if (walked.refusal) add('refusal', walked.refusal.code);
  const folders = roots.map(({ real }) => real);
  return { stamp: hash.digest('hex'), newestMs: Number(newestNs / 1_000_000n), folders };
}
