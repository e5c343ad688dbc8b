import { Ledger, LossWatch, noPoints, sumOf } from '@pythond/ledger';
import { letterOf, Outbox, type WaitingDelivery } from '@pythond/outbox';
import { expect, it, onTestFinished } from 'vitest';
import { startTestRedis } from '../../support/redis.ts';

function delivery(collector: string, points: number): WaitingDelivery {
  return {
    id: collector,
    destination: { endpoint: 'http://dk:9529', category: 'metric', query: [], form: 'line-protocol' },
    points: Array.from({ length: points }, (_, nth) => `m,nth=${nth} v=1i 1700000000000000000`),
    origins: [{ collector, run: 'r', dueMs: 0, points }],
    sinceMs: 1,
    tries: 1,
    reason: 'refused',
  };
}

// F38, as far as points go.
it('what only Redis held is counted as lost when it has lost everything, by one of those who watch', async () => {
  const { redis, stop } = await startTestRedis();
  onTestFinished(stop);
  const outbox = new Outbox(redis);
  onTestFinished(() => outbox.close());
  const ledger = new Ledger(redis);
  const watches = [new LossWatch(redis), new LossWatch(redis)] as const;
  const look = async () => [await watches[0].look(), await watches[1].look()];

  expect(await look()).toEqual([0, 0]);
  await outbox.wait(delivery('waits', 5), 0);
  const { destination, points, origins } = delivery('dies', 3);
  const death = { code: 'bad', message: '', answer: null, attempts: 1, deadMs: 1 };
  await outbox.bury([letterOf({ destination, sinceMs: 1 }, points, origins, death)]);
  expect(await look()).toEqual([0, 0]);

  await redis.flushall();
  await outbox.wait(delivery('waits', 2), 0); // life goes on before anybody looks
  expect(await look()).toEqual([8, 0]);
  expect(await look()).toEqual([0, 0]);
  expect(sumOf(await ledger.of('waits'))).toEqual({ ...noPoints(), emitted: 7, lost: 5, queued: 2 });
  expect(sumOf(await ledger.of('dies'))).toEqual({ ...noPoints(), emitted: 3, lost: 3 });

  await redis.flushall();
  expect(await look()).toEqual([2, 0]);
});
