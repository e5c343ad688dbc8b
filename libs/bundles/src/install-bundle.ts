import { chmod, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { makeTemporary } from './cache-folder.ts';
import * as cached from './cached-bundle.ts';
import type { PackedSource } from './check-archive.ts';
import { systemCode } from './errors.ts';
import { unpackBundle } from './unpack-bundle.ts';

export interface Installation {
  readonly folder: string;
  /** Where the bundle goes. */
  readonly path: string;
  readonly nowMs: number;
  /** Whether what lies at the path may be used; what may not is moved away. */
  readonly isUsable: () => Promise<boolean>;
}

/** Unpacks beside the place and renames into it, so that the place never holds half a bundle. */
export async function installBundle(source: PackedSource, target: Installation): Promise<void> {
  const temporary = await makeTemporary(target.folder);
  try {
    await fill(temporary, source, target.nowMs);
    await putInPlace(temporary, target);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function fill(temporary: string, source: PackedSource, nowMs: number): Promise<void> {
  const fresh = cached.cachedBundle(temporary, source.digest);
  await mkdir(fresh.root);
  await chmod(fresh.root, 0o755);
  await unpackBundle(source, fresh.root);
  await writeFile(fresh.used, '');
  await cached.touch(fresh, nowMs);
  await cached.writeMarker(fresh, await cached.shapeOf(fresh));
  await chmod(temporary, 0o755);
}

const TRIES = 5;

/** Another process may have put the same bundle there first, and ours is not needed; or be deleting one there. */
async function putInPlace(temporary: string, { path, isUsable }: Installation): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await rename(temporary, path);
      return;
    } catch (error) {
      if (tries === TRIES || !['ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes(systemCode(error))) throw error;
      if (await isUsable()) return;
    }
  }
}
