import type { Destination } from '@pythond/datakit';
import type { NormalisedPoint } from '@pythond/points';
import { expect, it } from 'vitest';
import type { PointCounts } from './outlet.ts';
import { PendingPoints } from './pending-points.ts';

const destination: Destination = { endpoint: 'http://dk:9529', category: 'metric', query: [] };
const origin = { collector: 'c', run: 'r', dueMs: 0 };
const points = (count: number) => Array.from({ length: count }, () => ({}) as NormalisedPoint);

it('holds when too many points are on their way, and goes on when few enough are', async () => {
  const holds: boolean[] = [];
  const ends: (() => void)[] = [];
  const outlet = {
    deliver: (_: unknown, batch: readonly unknown[]) =>
      new Promise<PointCounts>((resolve) => {
        ends.push(() => resolve({ delivered: batch.length, queued: 0, dead: 0 }));
      }),
    bury: async () => undefined,
  };
  const pending = new PendingPoints(outlet, (hold) => holds.push(hold));
  const under = [8_000, 8_000, 8_000].map((count) => pending.deliver(destination, points(count), origin));
  expect(holds).toEqual([true]);
  ends[0]?.();
  await under[0];
  expect(holds).toEqual([true]); // 16,000 are too many to go on
  ends[1]?.();
  expect(await under[1]).toEqual({ delivered: 8_000, queued: 0, dead: 0 });
  expect(holds).toEqual([true, false]);
});

it('counts no longer what could not be kept', async () => {
  const holds: boolean[] = [];
  const outlet = {
    deliver: () => Promise.reject(new Error('no')),
    bury: () => Promise.reject(new Error('no')),
  };
  const pending = new PendingPoints(outlet, (hold) => holds.push(hold));
  await expect(pending.deliver(destination, points(30_000), origin)).rejects.toThrow('no');
  expect(holds).toEqual([true, false]);
});
