import { createHash, randomBytes } from 'node:crypto';
import { chmod, lstat, mkdir, readFile, realpath, rename, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EmbeddedRedisError, systemCode } from './errors.ts';

/** The files of an embedded Redis; nobody but the user who runs it may look into their folder. */
export interface RedisFolder {
  readonly dir: string;
  readonly dataDir: string;
  readonly configFile: string;
  readonly passwordFile: string;
  readonly pidFile: string;
  readonly logFile: string;
}

/** Where the sockets are: the folder itself, or a short one. */
export interface SocketFolder {
  readonly dir: string;
  readonly socketPath: string;
  readonly lockPath: string;
}

/** @throws EmbeddedRedisError `redis-folder` */
export async function prepareFolder(given: string): Promise<RedisFolder> {
  await makePrivate(given, true);
  const dir = await realpath(given);
  await makePrivate(join(dir, 'data'));
  return {
    dir,
    dataDir: join(dir, 'data'),
    configFile: join(dir, 'redis.conf'),
    passwordFile: join(dir, 'password'),
    pidFile: join(dir, 'redis.pid'),
    logFile: join(dir, 'redis.log'),
  };
}

/** `sun_path` of unix(7) has 108 bytes with its final NUL, and 104 on macOS. */
const MAX_SOCKET_PATH_BYTES = process.platform === 'darwin' ? 103 : 107;

/**
 * The places for the sockets, the best first: in the folder; else, where its path is too long or its file system
 * holds no sockets, in a private folder of a short name that follows from the folder's.
 */
export function socketFolders({ dir }: Pick<RedisFolder, 'dir'>, temporary = tmpdir()): SocketFolder[] {
  const name = createHash('sha256').update(dir).digest('hex').slice(0, 16);
  const short = `pythond-${process.getuid?.() ?? 0}-${name}`;
  return [dir, join(temporary, short), join('/tmp', short)]
    .filter((folder, index, all) => all.indexOf(folder) === index)
    .map((folder) => ({
      dir: folder,
      socketPath: join(folder, 'redis.sock'),
      lockPath: join(folder, 'owner.sock'),
    }))
    .filter(({ socketPath }) => Buffer.byteLength(socketPath) <= MAX_SOCKET_PATH_BYTES);
}

/** `unix:///path`, percent-encoded. */
export function socketUrl(socketPath: string): string {
  return `unix://${encodeURI(socketPath).replaceAll('?', '%3F').replaceAll('#', '%23')}`;
}

/** Whether a folder is what {@link makePrivate} makes: this user's, closed to all others, and no link. */
export async function isPrivate(path: string): Promise<boolean> {
  const stats = await lstat(path).catch(() => null);
  if (!stats?.isDirectory()) return false;
  return stats.uid === (process.getuid?.() ?? stats.uid) && (stats.mode & 0o077) === 0;
}

/**
 * Makes a folder that only this user may enter, or closes one of theirs that is open. One in a place that everybody
 * may write to must not be a link: another user could have put it there to make us close a folder of the system.
 *
 * @throws EmbeddedRedisError `redis-folder`
 */
export async function makePrivate(path: string, mayBeLink = false): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    const stats = await lstat(mayBeLink ? await realpath(path) : path);
    if (!stats.isDirectory()) throw Object.assign(new Error(`${path} is a link`), { code: 'ENOTDIR' });
    const uid = process.getuid?.() ?? stats.uid;
    if (stats.uid !== uid) {
      throw new EmbeddedRedisError(
        'redis-folder',
        `The folder ${path} belongs to uid ${stats.uid}, and this process runs as ${uid}: a Redis there could be read by others. Choose another folder.`,
      );
    }
    if ((stats.mode & 0o777) !== 0o700) await chmod(path, 0o700);
  } catch (error) {
    if (error instanceof EmbeddedRedisError) throw error;
    throw new EmbeddedRedisError(
      'redis-folder',
      `The folder ${path} can't be used for Redis (${systemCode(error)}). Choose one that this user may write to.`,
      { cause: error },
    );
  }
}

/** The password of the folder's Redis, made the first time; 32 random bytes in hex. */
export async function readPassword({ passwordFile }: RedisFolder): Promise<string> {
  const kept = await readFile(passwordFile, 'utf8').catch(() => '');
  if (/^[0-9a-f]{64}\n$/.test(kept)) {
    await chmod(passwordFile, 0o600);
    return kept.trim();
  }
  const password = randomBytes(32).toString('hex');
  await writePrivate(passwordFile, `${password}\n`);
  return password;
}

/** Replaces a file in one step; only this user may read it, at no moment anybody else. */
export async function writePrivate(path: string, content: string): Promise<void> {
  const fresh = `${path}.${randomBytes(4).toString('hex')}`;
  await writeFile(fresh, content, { mode: 0o600, flag: 'wx' });
  await rename(fresh, path);
}
