import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ManualClock } from './manual-clock.ts';
import type { Pacer } from './pacer.ts';
import type { RateLease } from './rate-source.ts';
import { createSharedPacer } from './shared-pacer.ts';

const never = new AbortController().signal;

/** Grants as its rate allows, a token bucket over the manual clock; counts what it is asked. */
class FakeSource {
  asked: { atMs: number; wanted: number; granted: number }[] = [];
  slowed: number[] = [];
  /** How it answers; `silent`: never. */
  mood: 'well' | 'failing' | 'silent' = 'well';
  readonly #clock: ManualClock;
  readonly #perMs: number;
  #tokens: number;
  #countedMs: number;

  constructor(clock: ManualClock, perSecond = 65, burst = 8) {
    this.#clock = clock;
    this.#perMs = perSecond / 1000;
    this.#tokens = burst;
    this.#countedMs = clock.now();
  }

  async lease(_key: string, wanted: number): Promise<RateLease> {
    await this.#answer();
    const now = this.#clock.now();
    this.#tokens = Math.min(8, this.#tokens + (now - this.#countedMs) * this.#perMs);
    this.#countedMs = now;
    const granted = Math.min(wanted, Math.floor(this.#tokens));
    this.#tokens -= granted;
    this.asked.push({ atMs: now, wanted, granted });
    return { granted, waitMs: granted === wanted ? 0 : Math.ceil((1 - this.#tokens) / this.#perMs) };
  }

  async slowDown(_key: string, afterMs: number | null): Promise<number> {
    await this.#answer();
    this.slowed.push(afterMs ?? 0);
    return 1234;
  }

  async #answer(): Promise<void> {
    if (this.mood === 'failing') throw new Error('away');
    if (this.mood === 'silent') await new Promise(() => undefined);
  }
}

class FakeFallback implements Pacer {
  taken = 0;
  slowed = 0;

  async take(): Promise<number> {
    this.taken += 1;
    return 0;
  }

  async throttled(): Promise<number> {
    this.slowed += 1;
    return 1000;
  }
}

function setUp(perSecond?: number, burst?: number) {
  const clock = new ManualClock();
  const source = new FakeSource(clock, perSecond, burst);
  const fallback = new FakeFallback();
  const pacer = createSharedPacer({ source, fallback, clock, random: () => 0.5 });
  return { clock, source, fallback, pacer };
}

const granted = ({ asked }: FakeSource) => asked.reduce((sum, one) => sum + one.granted, 0);

describe('a pacer with a shared source', () => {
  it('asks once for a lone request, and never when idle', async () => {
    const { clock, source, pacer } = setUp();
    await pacer.take('a', never);
    await clock.advance(60_000);
    expect(source.asked).toMatchObject([{ wanted: 1 }]);
    expect(clock.pending).toBe(0);
  });

  it('asks about ten times a second when busy, however many go', async () => {
    const { clock, source, pacer } = setUp(1000, 8);
    let taken = 0;
    for (let i = 0; i < 250; i++) {
      void pacer.take('a', never).then(() => {
        taken += 1;
      });
      await clock.advance(20);
    }
    expect(taken).toBe(250);
    expect(source.asked.length).toBeLessThanOrEqual(5 * 13);
  });

  it('asks no more often than that when there is nothing to be had', async () => {
    const { clock, source, pacer } = setUp();
    const moments: number[] = [];
    for (let i = 0; i < 500; i++) void pacer.take('a', never).then(() => moments.push(clock.now()));
    await clock.advance(5000);
    expect(source.asked.length).toBeLessThanOrEqual(55);
    expect(moments.length).toBeGreaterThan(5 * 55);
    expect(moments.length).toBe(granted(source));
  });

  it('lets nobody go but by a lease of the last 100 ms', async () => {
    const step = fc.record({
      pauseMs: fc.integer({ min: 0, max: 150 }),
      takers: fc.integer({ min: 0, max: 6 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
        const { clock, source, pacer } = setUp();
        const moments: number[] = [];
        for (const { pauseMs, takers } of steps) {
          for (let i = 0; i < takers; i++) void pacer.take('a', never).then(() => moments.push(clock.now()));
          await clock.advance(pauseMs);
        }
        await clock.advance(10_000);
        expect(moments).toHaveLength(steps.reduce((sum, { takers }) => sum + takers, 0));
        for (const [nth, atMs] of moments.entries()) {
          const usable = source.asked.filter((lease) => lease.atMs >= atMs - 100 && lease.atMs <= atMs);
          expect(usable.length).toBeGreaterThan(0);
          expect(granted(source)).toBeGreaterThan(nth);
        }
      }),
      { numRuns: 300 },
    );
  });

  it.each(['failing', 'silent'] as const)(
    'goes by itself while the source is %s, and asks again later',
    async (mood) => {
      const { clock, source, fallback, pacer } = setUp();
      source.mood = mood;
      const first = Promise.all([pacer.take('a', never), pacer.take('a', never)]);
      await clock.advance(250);
      await first;
      await pacer.take('a', never);
      expect(fallback.taken).toBe(3);
      expect(source.asked).toEqual([]);
      source.mood = 'well';
      await clock.advance(5000);
      await pacer.take('a', never);
      expect(fallback.taken).toBe(3);
      expect(source.asked).toHaveLength(1);
    },
  );

  it('tells the source of a 429, and itself, too, in case the source goes away', async () => {
    const { source, fallback, pacer } = setUp();
    expect(await pacer.throttled('a', 7000)).toBe(1234);
    expect(source.slowed).toEqual([7000]);
    expect(fallback.slowed).toBe(1);
    source.mood = 'failing';
    expect(await pacer.throttled('a', null)).toBe(1000);
  });

  it('sends away who has not the patience for a pause, when it begins and while it lasts', async () => {
    const { clock, source, pacer } = setUp(1, 1);
    await pacer.take('a', never);
    const short = pacer.take('a', never, 1000);
    const long = pacer.take('a', never);
    await clock.advance(10);
    await pacer.throttled('a', null);
    expect(await short).toBe(1234);
    await clock.advance(34);
    expect(await pacer.take('a', never, 1000)).toBe(1200);
    expect(source.asked.length).toBeLessThanOrEqual(2);
    await clock.advance(5000);
    expect(await long).toBe(0);
  });

  it('stops waiting when told to', async () => {
    const { clock, pacer } = setUp(1, 1);
    await pacer.take('a', never);
    const stopping = new AbortController();
    const stopped = pacer.take('a', stopping.signal);
    await clock.advance(50);
    stopping.abort(new Error('stopping'));
    await expect(stopped).rejects.toThrow('stopping');
    await clock.advance(2000);
    expect(clock.pending).toBe(0);
  });

  it('forgets routes that have been quiet', async () => {
    const { clock, pacer, source } = setUp(1e6, 8);
    for (let i = 0; i < 600; i++) {
      await pacer.take(`route ${i}`, never);
      await clock.advance(20);
    }
    expect(source.asked).toHaveLength(600);
    expect(clock.pending).toBe(0);
  });
});
