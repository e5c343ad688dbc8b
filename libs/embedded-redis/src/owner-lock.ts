import { randomBytes } from 'node:crypto';
import { link, lstat, rename, unlink } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { EmbeddedRedisError, systemCode } from './errors.ts';
import { ask } from './resp.ts';

const ANSWER_TIMEOUT_MS = 2_000;
const TRIES = 10;

/**
 * The right to run a Redis on a folder: a socket on which the owner listens for as long as it lives. The kernel ends
 * that with the process, however it dies; a number in a file would outlive it, come to name another process, and mean
 * nothing to the container next door that shares the folder. Whoever connects is told the owner's pid.
 */
export class OwnerLock {
  readonly #server: Server;
  readonly #path: string;
  readonly #inode: bigint;

  private constructor(server: Server, path: string, inode: bigint) {
    this.#server = server;
    this.#path = path;
    this.#inode = inode;
  }

  /**
   * @throws EmbeddedRedisError `redis-in-use` with the pid of the owner; system errors where the folder's file system
   * can't hold sockets
   */
  static async take(path: string): Promise<OwnerLock> {
    for (let tries = 0; tries < TRIES; tries += 1) {
      const server = await listen(path);
      if (server) return new OwnerLock(server, path, await inodeOf(path));
      await requireStale(path);
      await removeStale(path);
    }
    throw new EmbeddedRedisError('redis-in-use', `Another process keeps taking ${path}. Try again.`);
  }

  /**
   * To be called before anything is done that two must not do: of two processes that clean up after a crash at the
   * same moment, one may have removed the other's fresh file.
   */
  async requireOurs(): Promise<void> {
    if ((await inodeOf(this.#path).catch(() => null)) === this.#inode) return;
    throw new EmbeddedRedisError('redis-in-use', `Another process took ${this.#path} at this moment.`);
  }

  async release(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

async function inodeOf(path: string): Promise<bigint> {
  return (await lstat(path, { bigint: true })).ino;
}

/** @returns null when there is such a file already */
function listen(path: string): Promise<Server | null> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      // Destroyed, not only ended: whoever stays connected must not keep `release` waiting.
      socket.end(`+${process.pid}\r\n`, () => socket.destroy());
    });
    server.once('error', (error) => {
      if (systemCode(error) === 'EADDRINUSE') resolve(null);
      else reject(error);
    });
    server.listen(path, () => resolve(server.unref()));
  });
}

async function requireStale(path: string): Promise<void> {
  let replies: Awaited<ReturnType<typeof ask>>;
  try {
    replies = await ask(path, [], ANSWER_TIMEOUT_MS);
  } catch (error) {
    if (['ECONNREFUSED', 'ENOENT', 'ENOTSOCK'].includes(systemCode(error))) return;
    throw error;
  }
  const [answer] = replies;
  const pid = answer?.kind === 'text' ? answer.text : 'unknown, since it does not answer';
  throw new EmbeddedRedisError(
    'redis-in-use',
    `Another process (pid ${pid}) runs a Redis on this folder already. Stop that one, or choose another folder.`,
  );
}

/** Moved away first, so that of two cleaners only one removes it; put back when it proves to be a live one. */
async function removeStale(path: string): Promise<void> {
  const away = `${path}.${randomBytes(3).toString('hex')}`;
  try {
    await rename(path, away);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return;
    throw error;
  }
  try {
    await requireStale(away);
  } catch (error) {
    await link(away, path).catch(() => undefined);
    throw error;
  } finally {
    await unlink(away).catch(() => undefined);
  }
}
