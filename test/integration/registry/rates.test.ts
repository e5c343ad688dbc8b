import { createSharedPacer, type Pacer } from '@pythond/datakit';
import { key } from '@pythond/queue';
import { Rates } from '@pythond/registry';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { startTestRedis, type TestRedis } from '../../support/redis.ts';

/** What one request costs of the shared rate, and what may go at once: 80 in the worst second. */
const COST_MS = 1100 / 72;
const BURST = 8;

describe('the rates that senders share', () => {
  let redis: TestRedis;
  beforeAll(async () => {
    redis = await startTestRedis();
  });
  afterAll(() => redis.stop());
  const ratesOf = (source: string) => new Rates(redis.redis, { source, random: () => 0 });

  /** Asks for a while, as several processes would at once; what was granted in all, and how long it took. */
  async function drain(route: string, sources: readonly string[], forMs: number) {
    const startMs = performance.now();
    let granted = 0;
    const each = sources.map(async (source) => {
      const rates = ratesOf(source);
      while (performance.now() - startMs < forMs) {
        const lease = await rates.lease(route, 8);
        granted += lease.granted;
      }
    });
    await Promise.all(each);
    return { granted, tookMs: performance.now() - startMs };
  }

  it('are one for all of a machine, whoever asks', async () => {
    const { granted, tookMs } = await drain('one', ['machine', 'machine', 'machine'], 1500);
    expect(granted).toBeLessThanOrEqual(BURST + tookMs / COST_MS + 1);
    expect(granted).toBeGreaterThan(BURST);
  });

  it("are each machine's own", async () => {
    const leases = await Promise.all(['a', 'b', 'c'].map((source) => ratesOf(source).lease('own', BURST)));
    expect(leases).toEqual(leases.map(() => ({ granted: BURST, waitMs: 0 })));
  });

  it('say when there is more', async () => {
    const rates = ratesOf('more');
    await rates.lease('more', BURST);
    const { granted, waitMs } = await rates.lease('more', BURST);
    expect(granted).toBeLessThan(BURST);
    expect(waitMs).toBeGreaterThan(0);
    expect(waitMs).toBeLessThanOrEqual(Math.ceil(COST_MS) + 1);
    await eventually('more', async () => (await rates.lease('more', 1)).granted === 1);
  });

  it('stop for the whole fleet after a 429, then go on with less, and leave nothing behind', async () => {
    const route = 'slowed';
    expect(await ratesOf('a').slowDown(route, null)).toBe(1000);
    const again = await ratesOf('b').slowDown(route, 30_000);
    expect(again).toBeGreaterThan(0);
    expect(again).toBeLessThanOrEqual(1000);
    const { granted, waitMs } = await ratesOf('c').lease(route, 8);
    expect(granted).toBe(0);
    expect(waitMs).toBeLessThanOrEqual(1000);
    await eventually('the pause to be over', async () => (await ratesOf('c').lease(route, 1)).granted === 1);
    // What is left of a second at half the rate: a request costs about twice as much.
    const { granted: slowed, tookMs } = await drain(route, ['d'], 1000);
    const share = 0.5 + (tookMs + 1000) / 10_000;
    expect(slowed).toBeLessThanOrEqual(BURST + (tookMs / COST_MS) * share + 1);
    // Its own keys end by themselves: the recovery, then nothing.
    expect(await redis.redis.pttl(key('throttle', route))).toBeGreaterThan(0);
    expect(await redis.redis.pttl(key('rate', 'd', route))).toBeGreaterThan(0);
  });

  it('take what a server asks for, within reason', async () => {
    expect(await ratesOf('a').slowDown('short', 5000)).toBe(5000);
    expect(await ratesOf('a').slowDown('long', 9e9)).toBe(60_000);
  });

  it('pace two senders together, who go on alone when Redis is gone', async () => {
    const away = await startTestRedis();
    const signal = AbortSignal.timeout(600_000);
    let alone = 0;
    const fallback: Pacer = {
      take: async () => {
        alone += 1;
        return 0;
      },
      throttled: async () => 0,
    };
    const source = new Rates(away.redis, { source: 'm' });
    const pacers = [1, 2].map(() => createSharedPacer({ source, fallback }));
    const startMs = performance.now();
    let taken = 0;
    const takers = pacers.flatMap((pacer) =>
      [1, 2, 3].map(async () => {
        while (performance.now() - startMs < 1500) {
          await pacer.take('http://dk/v1/write/metric', signal);
          taken += 1;
        }
      }),
    );
    await Promise.all(takers);
    const tookMs = performance.now() - startMs;
    expect(taken - alone).toBeLessThanOrEqual(BURST + tookMs / COST_MS + 1);
    await away.stop();
    const before = alone;
    await Promise.all(pacers.map((pacer) => pacer.take('http://dk/v1/write/another', signal)));
    expect(alone).toBe(before + 2);
  });
});
