import { access } from 'node:fs/promises';
import type { Settings } from '@pythond/config';
import { locateEmbeddedRedis } from '@pythond/embedded-redis';
import { connect, probe, QueueError, type Redis, type RedisTarget } from '@pythond/queue';
import { CommandError } from './exit.ts';

/** The Redis that the settings name, or the one that `pythond up` runs in this home; null when there is neither. */
export async function findRedis(settings: Settings): Promise<RedisTarget | null> {
  if (settings.redisUrl !== null) return targetOf(settings, settings.redisUrl);
  return locateEmbeddedRedis(embeddedRedisDir(settings));
}

/** A Redis as the settings say that it is to be reached. */
export function targetOf(settings: Settings, url: string): RedisTarget {
  const { redisPasswordFile, redisSentinelPasswordFile, redisCaFile, redisCertFile, redisKeyFile } = settings;
  return {
    url,
    ...(redisPasswordFile === null ? {} : { passwordFile: redisPasswordFile }),
    ...(redisSentinelPasswordFile === null ? {} : { sentinelPasswordFile: redisSentinelPasswordFile }),
    ...(redisCaFile === null ? {} : { caFile: redisCaFile }),
    ...(redisCertFile === null ? {} : { certFile: redisCertFile }),
    ...(redisKeyFile === null ? {} : { keyFile: redisKeyFile }),
  };
}

export function embeddedRedisDir({ dataDir }: Pick<Settings, 'dataDir'>): string {
  return `${dataDir}/redis`;
}

/** For commands that look at a running fleet. */
export async function withFleet<T>(settings: Settings, use: (redis: Redis) => Promise<T>): Promise<T> {
  const target = await findRedis(settings);
  if (!target) throw new CommandError(await nothingRuns(settings));
  await reach(target);
  return useRedis(target, use);
}

/** A connection for as long as it is used. */
export async function useRedis<T>(target: RedisTarget, use: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = connect(target, 'failing', () => undefined); // the command that fails says so
  try {
    return await use(redis);
  } finally {
    redis.disconnect();
  }
}

/** @throws CommandError with a message for the user */
export async function reach(target: RedisTarget): Promise<{ version: string }> {
  try {
    return await probe(target);
  } catch (error) {
    if (error instanceof QueueError) throw new CommandError(error.message, 2, { cause: error });
    throw error;
  }
}

async function nothingRuns({ home }: Settings): Promise<string> {
  const isHome = await access(`${home}/conf.d`).then(
    () => true,
    () => false,
  );
  const start =
    'Start one with `npm start` or `npx pythond up`, or set REDIS_URL to the Redis of a fleet elsewhere.';
  if (isHome) return `No fleet runs in ${home}. ${start}`;
  return `${home} has no conf.d, so it is not a home of pythond; name one with --home or PYTHOND_HOME. ${start}`;
}
