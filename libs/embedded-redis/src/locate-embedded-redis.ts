import { access, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { isPrivate, socketFolders, socketUrl } from './redis-folder.ts';

/** How another process of the same user reaches it. */
export interface LocatedRedis {
  readonly url: string;
  readonly passwordFile: string;
}

/** The Redis that some process of this user runs in a folder; null when there is no socket of one. */
export async function locateEmbeddedRedis(given: string): Promise<LocatedRedis | null> {
  const dir = await realpath(given).catch(() => null); // no such folder: nothing ever ran there
  if (dir === null) return null;
  const passwordFile = join(dir, 'password');
  for (const { dir: folder, socketPath } of socketFolders({ dir })) {
    // In a temporary folder anybody could put a socket, and be told the password.
    if (!(await isPrivate(folder))) continue;
    if ((await exists(socketPath)) && (await exists(passwordFile)))
      return { url: socketUrl(socketPath), passwordFile };
  }
  return null;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
