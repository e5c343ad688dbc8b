import { Redis } from 'ioredis';
import { QueueError } from './errors.ts';
import { explainRefusal } from './explain-refusal.ts';
import { describeTarget, type RedisTarget, redisOptions } from './redis-target.ts';
import { parseRedisUrl } from './redis-url.ts';

const CONNECT_TIMEOUT_MS = 5_000;
const COMMAND_TIMEOUT_MS = 5_000;

/**
 * One try to reach and log in to a Redis, so that a wrong address or password is one clear error at start and not
 * an endless reconnect.
 *
 * @throws QueueError `redis-unreachable`, `redis-refused`, `redis-tls`, `redis-kind` or `redis-too-old`
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
    sentinelRetryStrategy: () => null,
  });
  let failure: Error | undefined;
  const note = (error: Error) => {
    failure = error;
  };
  redis.on('error', note);
  redis.on('sentinelError', note);
  try {
    await redis.connect();
    const info = await redis.info();
    const of = (field: string) => new RegExp(`^${field}:(\\S+)`, 'm').exec(info)?.[1] ?? '';
    requireKind(target, where, of);
    requireVersion(of('redis_version'), where);
    return { version: of('redis_version') };
  } catch (error) {
    throw error instanceof QueueError ? error : explainRefusal(failure ?? error, target);
  } finally {
    redis.disconnect();
  }
}

/** BullMQ needs 6.2 (LMOVE, GETEX and friends). */
function requireVersion(version: string, where: string): void {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > 6 || (major === 6 && minor >= 2)) return;
  throw new QueueError(
    'redis-too-old',
    `Redis at ${where} is ${version || 'unknown'}; 6.2 or newer is needed.`,
  );
}

/** What answers is a Redis that a fleet can live on, and is named for what it is: it may move. */
function requireKind({ url }: RedisTarget, where: string, of: (field: string) => string): void {
  const { kind } = parseRedisUrl(url).place;
  if (of('redis_mode') === 'sentinel') {
    throw new QueueError(
      'redis-kind',
      `At ${where} is a Sentinel, not a Redis; write REDIS_URL as redis+sentinel://host:26379,host:26379/NAME, with the name that the Sentinels call the Redis.`,
    );
  }
  if (of('redis_mode') === 'cluster' && kind !== 'cluster') {
    throw new QueueError(
      'redis-kind',
      `Redis at ${where} is a node of a Redis Cluster, where the fleet's keys may be on another node (MOVED); write REDIS_URL as redis+cluster://host:6379,host:6379 with some of the nodes.`,
    );
  }
  if (of('role') === 'slave') {
    throw new QueueError(
      'redis-kind',
      `Redis at ${where} is a replica of ${of('master_host')}:${of('master_port')}, which can't be written to; name that one in REDIS_URL, or the Sentinels that watch it (redis+sentinel://).`,
    );
  }
}
