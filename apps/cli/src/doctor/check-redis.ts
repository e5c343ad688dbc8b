import type { Settings } from '@pythond/config';
import { EmbeddedRedisError, findRedisServer } from '@pythond/embedded-redis';
import { describeTarget, type Redis, type RedisTarget } from '@pythond/queue';
import type { Context } from '../context.ts';
import { CommandError } from '../exit.ts';
import { findRedis, reach, useRedis } from '../fleet-connection.ts';
import { duration } from '../terminal.ts';
import { type HealthCheck, healthCheck } from './health-check.ts';

/** Above it a worker takes no ticks. */
const CLOCK_OFF_MS = 1_000;
/** With the default of 10 delayed jobs are 40 ms late at the median. */
const GOOD_HZ = 100;

const told = (
  code: string,
  level: HealthCheck['level'],
  text: string,
  remedy: string | null = null,
): HealthCheck => healthCheck({ group: 'redis', code, level, text, remedy });

/** Whether it is there, its version, its settings, its clock. Without one that runs: whether `up` could start its own. */
export async function checkRedis(context: Context, settings: Settings): Promise<HealthCheck[]> {
  const target = await findRedis(settings);
  if (!target) return [await ownRedis(context)];
  try {
    const { version } = await reach(target);
    return await useRedis(target, async (redis) => [
      told('redis', 'ok', `Redis ${version} at ${describeTarget(target)}`),
      ...(await checkSettings(redis, settings.redisUrl === null)),
      await checkClock(redis),
    ]);
  } catch (error) {
    if (error instanceof CommandError) return [told('redis', 'error', error.message, remedyOf(target))];
    const text = `Redis at ${describeTarget(target)} does not answer: ${error instanceof Error ? error.message : error}`;
    return [told('redis', 'error', text)];
  }
}

function remedyOf({ url }: RedisTarget): string | null {
  return url.startsWith('unix:') ? '`pythond up` in this home starts it again' : null;
}

async function ownRedis({ env }: Context): Promise<HealthCheck> {
  try {
    await findRedisServer({ env, say: () => undefined });
    return told('redis', 'ok', 'none runs and none is named: `pythond up` starts its own');
  } catch (error) {
    if (!(error instanceof EmbeddedRedisError)) throw error;
    return told('redis', 'error', error.message);
  }
}

async function checkSettings(redis: Redis, isOwn: boolean): Promise<HealthCheck[]> {
  const found = await read(redis);
  if (!found) {
    const remedy = 'see that maxmemory-policy is noeviction, appendonly is yes and hz is 100';
    return [told('redis-settings', 'warning', 'its settings can not be read by this user', remedy)];
  }
  const checks: HealthCheck[] = [];
  const set = (name: string, value: string) => `CONFIG SET ${name} ${value}, and in redis.conf`;
  const policy = found.get('maxmemory-policy');
  if (policy !== 'noeviction') {
    const text = `maxmemory-policy is ${policy}: a full Redis would throw schedules and points away`;
    checks.push(told('redis-eviction', 'error', text, set('maxmemory-policy', 'noeviction')));
  }
  if (found.get('appendonly') !== 'yes') {
    const text = 'appendonly is no: what waits in it is lost when it ends';
    checks.push(told('redis-appendonly', 'warning', text, set('appendonly', 'yes')));
  }
  if (Number(found.get('hz')) < GOOD_HZ) {
    const text = `hz is ${found.get('hz')}: ticks come up to ${Math.round(1_000 / Number(found.get('hz')))} ms late`;
    checks.push(told('redis-hz', 'warning', text, set('hz', String(GOOD_HZ))));
  }
  if (checks.length > 0) return checks;
  const whose = isOwn ? 'its settings are those of the fleet' : 'its settings are good';
  return [told('redis-settings', 'ok', `${whose}: noeviction, appendonly, hz ${found.get('hz')}`)];
}

async function read(redis: Redis): Promise<Map<string, string> | null> {
  const found = new Map<string, string>();
  try {
    for (const name of ['maxmemory-policy', 'appendonly', 'hz']) {
      const [, value = ''] = (await redis.config('GET', name)) as string[];
      found.set(name, value);
    }
    return found;
  } catch {
    return null; // a managed one, or an ACL that does not grant it
  }
}

async function checkClock(redis: Redis): Promise<HealthCheck> {
  const sentMs = Date.now();
  const [seconds, micros] = await redis.time();
  const aheadMs = Number(seconds) * 1_000 + Number(micros) / 1_000 - (sentMs + Date.now()) / 2;
  const off = duration(Math.abs(aheadMs));
  if (Math.abs(aheadMs) < CLOCK_OFF_MS) return told('redis-clock', 'ok', 'its clock is that of this machine');
  const way = aheadMs > 0 ? 'behind' : 'ahead of';
  const text = `the clock of this machine is ${off} ${way} that of Redis: a worker here takes no ticks`;
  return told('redis-clock', 'error', text, 'set both by NTP');
}
