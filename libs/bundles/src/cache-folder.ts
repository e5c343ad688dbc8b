import { randomBytes } from 'node:crypto';
import { chmod, lstat, mkdir, mkdtemp, readdir, realpath, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { BundleError, systemCode } from './errors.ts';

/** What is being written or deleted: never looked at by anybody, and swept when its process died. */
const TEMPORARY = '.tmp-';
/** Longer than any unpacking or deleting takes. */
const ABANDONED_MS = 15 * 60_000;

/**
 * Makes the cache's folder, and makes sure that it is ours and nobody else may write into it: what lies there is
 * executed. Other users may pass through it, since runs drop their uid.
 *
 * @throws BundleError `cache-unusable` or `cache-full`
 */
export async function prepareCacheFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o755 });
    const stats = await lstat(await realpath(folder));
    const uid = process.getuid?.() ?? stats.uid;
    if (stats.uid !== uid) {
      throw new BundleError(
        'cache-unusable',
        `The bundle cache ${folder} belongs to uid ${stats.uid}, and this process runs as ${uid}. Name a folder of its own for it, such as one below that.`,
      );
    }
    if ((stats.mode & 0o777) !== 0o755) await chmod(folder, 0o755);
  } catch (error) {
    throw asCacheError(error, folder);
  }
}

/** A system error of the cache's disk as one that says what to do; anything else as it is. */
export function asCacheError(error: unknown, folder: string): unknown {
  const code = systemCode(error);
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new BundleError(
      'cache-full',
      `The disk of the bundle cache ${folder} is full (${code}). Free some space, or put the cache elsewhere.`,
      { cause: error },
    );
  }
  if (['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST'].includes(code)) {
    return new BundleError(
      'cache-unusable',
      `The bundle cache ${folder} can't be written (${code}). Let this user write there, or put the cache elsewhere.`,
      { cause: error },
    );
  }
  return error;
}

/** A folder of ours beside the bundles, to be renamed into place. */
export function makeTemporary(folder: string): Promise<string> {
  return mkdtemp(join(folder, TEMPORARY));
}

/** Takes a bundle out of the cache in one step, then deletes it. @returns false when it was gone already */
export async function discard(folder: string, path: string): Promise<boolean> {
  const away = await moveAway(folder, path);
  if (away !== null) await rm(away, { recursive: true, force: true });
  return away !== null;
}

/** Renames to a temporary name, which works on a full disk too; null when there was nothing to rename. */
export async function moveAway(folder: string, path: string): Promise<string | null> {
  const away = join(folder, `${TEMPORARY}${randomBytes(8).toString('hex')}`);
  try {
    await rename(path, away);
    return away;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return null;
    throw error;
  }
}

/** Deletes what processes that died left unfinished. */
export async function sweepAbandoned(folder: string, nowMs: number): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.startsWith(TEMPORARY)) continue;
    const path = join(folder, name);
    const stats = await lstat(path).catch(() => null);
    if (stats && nowMs - stats.mtimeMs > ABANDONED_MS) await rm(path, { recursive: true, force: true });
  }
}
