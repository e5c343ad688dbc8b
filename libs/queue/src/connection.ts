import { readFileSync } from 'node:fs';
import { Redis, type RedisOptions } from 'ioredis';
import { QueueError } from './errors.ts';

/** How to reach a Redis. `url` is `redis://`, `rediss://` or `unix:///path?db=0`. */
export interface RedisTarget {
  readonly url: string;
  /** Where the URL holds none. */
  readonly password?: string;
  readonly passwordFile?: string;
}

/**
 * `waiting` connections take part in blocking reads and queue commands while Redis is away; `failing` ones answer
 * with an error within seconds, for callers that have something better to do than wait.
 */
export type ConnectionRole = 'waiting' | 'failing';

/** Reconnecting: at once, then slower, never slower than this, so that an outage of any length ends within 2 s. */
const MAX_RECONNECT_MS = 2_000;
const CONNECT_TIMEOUT_MS = 5_000;
const COMMAND_TIMEOUT_MS = 5_000;

/** What a target says of the server; ioredis's newer reply mapping is left at its default. */
export type ServerOptions = Omit<RedisOptions, 'replyMapping'>;

/** Parses a target to ioredis options; the error never shows a password. */
export function redisOptions(target: RedisTarget): ServerOptions {
  const url = parseRedisUrl(target.url);
  const password =
    target.password ?? readPasswordFile(target) ?? (decodeURIComponent(url.password) || undefined);
  const username = decodeURIComponent(url.username) || undefined;
  const auth: ServerOptions = { ...(password ? { password } : {}), ...(username ? { username } : {}) };
  if (url.protocol === 'unix:') {
    const db = url.searchParams.get('db');
    return { path: decodeURIComponent(url.pathname), ...(db ? { db: Number(db) } : {}), ...auth };
  }
  const db = url.pathname.slice(1);
  return {
    host: url.hostname.replace(/^\[|\]$/g, '') || '127.0.0.1',
    port: url.port ? Number(url.port) : 6379,
    ...(db ? { db: Number(db) } : {}),
    ...(url.protocol === 'rediss:' ? { tls: {} } : {}),
    ...auth,
  };
}

function parseRedisUrl(text: string): URL {
  const candidate = text.startsWith('/') ? `unix://${text}` : text;
  let url: URL;
  try {
    url = new URL(candidate);
  } catch (cause) {
    throw new QueueError('redis-url', 'REDIS_URL is not a URL; write redis://host:6379 or unix:///path', {
      cause,
    });
  }
  if (!['redis:', 'rediss:', 'unix:'].includes(url.protocol)) {
    throw new QueueError(
      'redis-url',
      `REDIS_URL starts with ${url.protocol}//; write redis://, rediss:// or unix://`,
    );
  }
  return url;
}

function readPasswordFile({ passwordFile }: RedisTarget): string | undefined {
  if (!passwordFile) return undefined;
  try {
    return readFileSync(passwordFile, 'utf8').trim();
  } catch (cause) {
    const why = cause instanceof Error && 'code' in cause ? cause.code : cause;
    throw new QueueError(
      'redis-password-file',
      `The file with the password of the Redis, ${passwordFile}, can't be read (${why}). Correct PYTHOND_REDIS_PASSWORD_FILE (redis_password_file in pythond.toml), or let this user read it.`,
      { cause },
    );
  }
}

/** Where a target is, for messages: without user, password and query. */
export function describeTarget(target: RedisTarget): string {
  const { path, host, port } = redisOptions({ url: target.url });
  return path ? `unix socket ${path}` : `${host}:${port}`;
}

/** For a connection whose owner may lose the right to use it: asked before every command. */
export type MayAct = () => boolean;

/**
 * Sends nothing once its owner may act no more: then it closes for good, with what had not been sent. In a process that
 * was stopped meanwhile, too.
 */
class RevocableRedis extends Redis {
  readonly #mayAct: MayAct;

  constructor(options: ServerOptions, mayAct: MayAct) {
    super(options);
    this.#mayAct = mayAct;
  }

  override sendCommand(...[command, stream]: Parameters<Redis['sendCommand']>): unknown {
    if (this.status !== 'ready' || this.#mayAct()) return super.sendCommand(command, stream);
    this.disconnect();
    const message = `this process may not act any more, so ${command.name} was not sent to Redis`;
    command.reject(new QueueError('redis-not-allowed', message));
    return command.promise;
  }
}

/**
 * Opens a connection. Errors of a live connection go to `onError` (rate-limit them there), never to the process.
 * `mayAct`: when it says no, the connection ends.
 */
export function connect(
  target: RedisTarget,
  role: ConnectionRole,
  onError: (error: Error) => void,
  mayAct: MayAct | null = null,
): Redis {
  const options: ServerOptions = {
    ...redisOptions(target),
    connectTimeout: CONNECT_TIMEOUT_MS,
    maxRetriesPerRequest: role === 'waiting' ? null : 1,
    ...(role === 'failing' ? { commandTimeout: COMMAND_TIMEOUT_MS } : {}),
    retryStrategy: (times) => Math.min(MAX_RECONNECT_MS, 50 * 2 ** Math.min(times, 6)),
    enableAutoPipelining: role === 'failing',
  };
  const redis = mayAct ? new RevocableRedis(options, mayAct) : new Redis(options);
  redis.on('error', onError);
  return redis;
}

/**
 * One try to reach and log in to a Redis, so that a wrong address or password is one clear error at start and not
 * an endless reconnect.
 *
 * @throws QueueError `redis-unreachable`, `redis-refused` or `redis-too-old`
 */
export async function probe(target: RedisTarget): Promise<{ version: string }> {
  const where = describeTarget(target);
  const redis = new Redis({
    ...redisOptions(target),
    lazyConnect: true,
    connectTimeout: CONNECT_TIMEOUT_MS,
    commandTimeout: COMMAND_TIMEOUT_MS,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  let connectionError: Error | undefined;
  redis.on('error', (error: Error) => {
    connectionError = error;
  });
  try {
    await redis.connect();
    const version = /redis_version:(\S+)/.exec(await redis.info('server'))?.[1] ?? '0';
    requireVersion(version, where);
    return { version };
  } catch (error) {
    throw error instanceof QueueError ? error : explain(connectionError ?? error, where);
  } finally {
    redis.disconnect();
  }
}

/** BullMQ needs 6.2 (LMOVE, GETEX and friends). */
function requireVersion(version: string, where: string): void {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > 6 || (major === 6 && minor >= 2)) return;
  throw new QueueError('redis-too-old', `Redis at ${where} is ${version}; 6.2 or newer is needed.`);
}

function explain(error: unknown, where: string): QueueError {
  const message = error instanceof Error ? error.message : String(error);
  if (/WRONGPASS|NOAUTH|invalid password|NOPERM/i.test(message)) {
    return new QueueError(
      'redis-refused',
      `Redis at ${where} refused the login (${message}). Check the user and password in REDIS_URL or the file that PYTHOND_REDIS_PASSWORD_FILE names.`,
      { cause: error },
    );
  }
  return new QueueError(
    'redis-unreachable',
    `Redis at ${where} can't be reached (${message}). Start it, or correct REDIS_URL.`,
    { cause: error },
  );
}
