import type { Redis } from '@pythond/queue';
import { Histogram } from '@pythond/telemetry';
import { keys } from './keys.ts';

/** Upper bounds in milliseconds: 1, 2, 4, … to more than four minutes; what is beyond has a bucket of its own. */
export const LAG_BOUNDS_MS: readonly number[] = Array.from({ length: 19 }, (_, power) => 2 ** power);

/** How long the ticks of a pool waited for a worker. */
export interface PoolLag {
  readonly pool: string;
  readonly lag: Histogram;
}

/** Commands that add lags to those that Redis has counted: a field for each bucket, and the greatest of each pool. */
export function addLags(pipeline: ReturnType<Redis['multi']>, lags: readonly PoolLag[]): void {
  for (const { pool, lag } of lags) {
    if (lag.total === 0) continue;
    for (const [bucket, ticks] of lag.counts.entries()) {
      if (ticks > 0) pipeline.hincrby(keys.lags, `${bucket} ${pool}`, ticks);
    }
    pipeline.zadd(keys.mostLags, 'GT', Math.round(lag.max), pool);
  }
}

/** Since Redis began, by pool. */
export async function readLags(redis: Redis): Promise<PoolLag[]> {
  const [fields, most] = await Promise.all([
    redis.hgetall(keys.lags),
    redis.zrange(keys.mostLags, '0', '-1', 'WITHSCORES'),
  ]);
  const pools = new Map<string, number[]>();
  for (const [field, ticks] of Object.entries(fields)) {
    const space = field.indexOf(' ');
    const counts = pools.get(field.slice(space + 1)) ?? [];
    counts[Number(field.slice(0, space))] = Number(ticks);
    pools.set(field.slice(space + 1), counts);
  }
  const maxOf = (pool: string) => Number(most[most.indexOf(pool) + 1] ?? 0);
  return [...pools]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([pool, counts]) => ({ pool, lag: Histogram.of(LAG_BOUNDS_MS, counts, maxOf(pool)) }));
}

/** Lags since the last heartbeat. */
export class GatheredLags {
  readonly #pools = new Map<string, Histogram>();

  /** Where the lags of a pool are told. */
  of(pool: string): Pick<Histogram, 'observe'> {
    return { observe: (lagMs) => this.#open(pool).observe(lagMs) };
  }

  /** Takes all of them; those that could not be stored come back with `putBack`. */
  take(): PoolLag[] {
    const taken = [...this.#pools].map(([pool, lag]) => ({ pool, lag }));
    this.#pools.clear();
    return taken;
  }

  putBack(lags: readonly PoolLag[]): void {
    for (const { pool, lag } of lags) this.#open(pool).add(lag);
  }

  #open(pool: string): Histogram {
    const known = this.#pools.get(pool);
    if (known) return known;
    const opened = new Histogram(LAG_BOUNDS_MS);
    this.#pools.set(pool, opened);
    return opened;
  }
}
