import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ManualClock } from './manual-clock.ts';
import { createPacer, type Pacer } from './pacer.ts';

const never = new AbortController().signal;

/** Takes without end; gives the moments at which it was let go, from the start. */
function drain(pacer: Pacer, clock: ManualClock, key = 'a', takers = 4): number[] {
  const startMs = clock.now();
  const moments: number[] = [];
  const take = async (): Promise<void> => {
    await pacer.take(key, never);
    moments.push(clock.now() - startMs);
    return take();
  };
  for (let i = 0; i < takers; i++) void take();
  return moments;
}

function busiestSecond(moments: readonly number[]): number {
  return Math.max(...moments.map((from) => moments.filter((at) => at >= from && at < from + 1000).length));
}

function countBetween(moments: readonly number[], fromMs: number, toMs: number): number {
  return moments.filter((at) => at >= fromMs && at < toMs).length;
}

describe('createPacer', () => {
  it('lets a first request go at once', async () => {
    await createPacer({ clock: new ManualClock() }).take('a', never);
  });

  it('never lets more than the allowed number go in any second, and nearly that many', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 120 }), async (perSecond) => {
        const clock = new ManualClock();
        const moments = drain(createPacer({ perSecond, clock }), clock);
        await clock.advance(3000);
        expect(busiestSecond(moments)).toBeLessThanOrEqual(perSecond);
        expect(moments.length).toBeGreaterThanOrEqual(Math.floor(perSecond * 0.9) * 3);
      }),
      { numRuns: 30 },
    );
  });

  it('paces each key on its own', async () => {
    const clock = new ManualClock();
    const pacer = createPacer({ perSecond: 10, clock });
    const first = drain(pacer, clock, 'a');
    const second = drain(pacer, clock, 'b');
    await clock.advance(2000);
    expect(Math.abs(first.length - second.length)).toBeLessThanOrEqual(1);
  });

  it('lets nobody go for a second and its jitter after a 429, then half as many, and all again within 10 s', async () => {
    const clock = new ManualClock();
    const pacer = createPacer({ perSecond: 80, clock, random: () => 0.5 });
    const moments = drain(pacer, clock);
    await clock.advance(2000);
    expect(await pacer.throttled('a', null)).toBe(1250);
    await clock.advance(14_000);
    expect(countBetween(moments, 2001, 3250)).toBe(0);
    const firstSecond = countBetween(moments, 3250, 4250);
    expect(firstSecond).toBeGreaterThan(30);
    expect(firstSecond).toBeLessThanOrEqual(45);
    expect(countBetween(moments, 13_250, 14_250)).toBeGreaterThanOrEqual(70);
    expect(busiestSecond(moments)).toBeLessThanOrEqual(80);
  });

  it('sends away who has not the patience for a pause, when it begins and while it lasts', async () => {
    const clock = new ManualClock();
    const pacer = createPacer({ perSecond: 1, clock, random: () => 0.5 });
    expect(await pacer.take('a', never, 1000)).toBe(0);
    const short = pacer.take('a', never, 1000);
    const long = pacer.take('a', never);
    await pacer.throttled('a', null);
    expect(await short).toBe(1250);
    await clock.advance(50);
    expect(await pacer.take('a', never, 1000)).toBe(1200);
    await clock.advance(10_000);
    expect(await long).toBe(0);
    expect(clock.pending).toBe(0);
  });

  it('takes several 429s at once for one', async () => {
    const clock = new ManualClock();
    const pacer = createPacer({ clock, random: () => 0 });
    expect(await pacer.throttled('a', null)).toBe(1000);
    await clock.advance(400);
    expect(await pacer.throttled('a', null)).toBe(600);
  });

  it('halves again when the lower rate is refused too', async () => {
    const clock = new ManualClock();
    const pacer = createPacer({ perSecond: 80, clock, random: () => 0 });
    await pacer.throttled('a', null);
    await clock.advance(1000);
    await pacer.throttled('a', null);
    await clock.advance(1000);
    const moments = drain(pacer, clock);
    await clock.advance(1000);
    expect(moments.length).toBeLessThanOrEqual(25);
  });

  it('waits as long as a Retry-After says, within reason', async () => {
    const clock = new ManualClock();
    const pacer = createPacer({ clock, random: () => 0 });
    expect(await pacer.throttled('a', 5000)).toBe(5000);
    expect(await pacer.throttled('b', 9e9)).toBe(60_000);
  });

  it('stops waiting when told to, and costs the others nothing', async () => {
    const clock = new ManualClock();
    const pacer = createPacer({ perSecond: 1, clock });
    await pacer.take('a', never);
    const stopping = new AbortController();
    const stopped = pacer.take('a', stopping.signal);
    const waits = pacer.take('a', never);
    stopping.abort(new Error('stopping'));
    await expect(stopped).rejects.toThrow('stopping');
    await clock.advance(1000);
    await waits;
    expect(clock.pending).toBe(0);
    await expect(pacer.take('a', stopping.signal)).rejects.toThrow('stopping');
  });

  it('forgets routes that have been quiet', async () => {
    const clock = new ManualClock();
    const pacer = createPacer({ clock });
    for (let i = 0; i < 1000; i++) {
      await pacer.take(`route ${i}`, never);
      await clock.advance(20);
    }
    expect(clock.pending).toBe(0);
  });
});
