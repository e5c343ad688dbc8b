import { lstat, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { BundleDigest } from '@pythond/jobs';
import { moveAway } from './cache-folder.ts';
import { cachedBundle, readMarker } from './cached-bundle.ts';

/** What a cache may keep. */
export interface CacheBounds {
  readonly maxBundles: number;
  readonly maxBytes: number;
  /** A bundle that no process wanted for so long goes, whatever room there is. */
  readonly maxIdleMs: number;
  /** A bundle that some process wanted less long ago stays, whatever room there is. */
  readonly minIdleMs: number;
}

export const defaultCacheBounds: CacheBounds = {
  maxBundles: 200,
  maxBytes: 2 * 1024 ** 3,
  maxIdleMs: 7 * 24 * 3600_000,
  minIdleMs: 5 * 60_000,
};

export interface Evicted {
  readonly digests: readonly BundleDigest[];
  readonly bytes: number;
}

interface Candidate {
  readonly digest: BundleDigest;
  readonly path: string;
  readonly bytes: number;
  readonly usedMs: number;
}

/** Deletes the bundles least recently used until the cache keeps to its bounds; never one that `isHeld`. */
export async function evict(
  folder: string,
  bounds: CacheBounds,
  isHeld: (digest: BundleDigest) => boolean,
  nowMs: number,
): Promise<Evicted> {
  const all = await candidates(folder);
  let count = all.length;
  let bytes = all.reduce((sum, bundle) => sum + bundle.bytes, 0);
  const digests: BundleDigest[] = [];
  let freed = 0;
  for (const bundle of all.sort((a, b) => a.usedMs - b.usedMs)) {
    const idleMs = nowMs - bundle.usedMs;
    const over = count > bounds.maxBundles || bytes > bounds.maxBytes || idleMs > bounds.maxIdleMs;
    if (!over || idleMs < bounds.minIdleMs || isHeld(bundle.digest)) continue;
    if (!(await remove(folder, bundle))) continue;
    digests.push(bundle.digest);
    freed += bundle.bytes;
    count -= 1;
    bytes -= bundle.bytes;
  }
  return { digests, bytes: freed };
}

async function candidates(folder: string): Promise<Candidate[]> {
  const found: Candidate[] = [];
  for (const name of await readdir(folder).catch(() => [])) {
    if (!/^[0-9a-f]{64}$/.test(name)) continue;
    const digest = name as BundleDigest;
    const path = join(folder, name);
    const bundle = cachedBundle(path, digest);
    const usedMs = await usedAt(bundle.used);
    // Without the file it is damaged or somebody's deleting: the next one that wants it sees to it.
    if (usedMs === null) continue;
    found.push({ digest, path, usedMs, bytes: (await readMarker(bundle))?.bytes ?? 0 });
  }
  return found;
}

async function usedAt(path: string): Promise<number | null> {
  return (await lstat(path).catch(() => null))?.mtimeMs ?? null;
}

/** Another process may want it at this very moment: it marks the bundle first, which shows once it is moved away. */
async function remove(folder: string, { path, digest, usedMs }: Candidate): Promise<boolean> {
  const away = await moveAway(folder, path);
  if (away === null) return false;
  if ((await usedAt(cachedBundle(away, digest).used)) !== usedMs && (await putBack(away, path))) return false;
  await rm(away, { recursive: true, force: true });
  return true;
}

/** @returns false when a fresh copy has taken the place */
async function putBack(away: string, path: string): Promise<boolean> {
  try {
    await rename(away, path);
    return true;
  } catch {
    return false;
  }
}
