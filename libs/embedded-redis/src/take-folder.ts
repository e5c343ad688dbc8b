import { rmdir } from 'node:fs/promises';
import { EmbeddedRedisError, systemCode } from './errors.ts';
import { OwnerLock } from './owner-lock.ts';
import { makePrivate, type RedisFolder, type SocketFolder, socketFolders } from './redis-folder.ts';

/** Where a file system holds no sockets (some mounts of containers and virtual machines), or no such long paths. */
const NO_SOCKETS = ['ENOTSUP', 'EOPNOTSUPP', 'EPERM', 'EACCES', 'EINVAL', 'ENAMETOOLONG', 'EIO'];

/**
 * Makes this process the owner of a folder, and settles where its sockets are.
 *
 * @throws EmbeddedRedisError `redis-in-use` or `redis-folder`
 */
export async function takeFolder(
  folder: RedisFolder,
  say: (line: string) => void,
): Promise<{ lock: OwnerLock; sockets: SocketFolder }> {
  let cause: unknown;
  for (const sockets of socketFolders(folder)) {
    const isElsewhere = sockets.dir !== folder.dir;
    try {
      if (isElsewhere) await makePrivate(sockets.dir);
      const lock = await OwnerLock.take(sockets.lockPath);
      if (isElsewhere) {
        say(
          `Redis listens on ${sockets.socketPath}: in ${folder.dir} there can be no socket, or not at that length.`,
        );
      }
      return { lock, sockets };
    } catch (error) {
      if (!NO_SOCKETS.includes(systemCode(error))) throw error;
      cause = error;
    }
  }
  throw new EmbeddedRedisError(
    'redis-folder',
    `There can be no socket in ${folder.dir}, nor in a temporary folder. Choose another folder.`,
    { cause },
  );
}

export async function releaseFolder(
  folder: RedisFolder,
  lock: OwnerLock,
  sockets: SocketFolder,
): Promise<void> {
  await lock.release();
  // Only when it is empty: a server that could not be stopped, or the next owner, still needs it.
  if (sockets.dir !== folder.dir) await rmdir(sockets.dir).catch(() => undefined);
}
