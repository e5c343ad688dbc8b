import { type CollectorId, type CollectorRecord, parseTickId } from '@pythond/jobs';
import { connect, JobWorker, TickQueue } from '@pythond/queue';
import { correctSchedules } from '@pythond/scheduler';
import { expect, it, onTestFinished } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { startTestRedis } from '../../support/redis.ts';

const EVERY_MS = 100;
const collector: CollectorRecord = {
  ...{
    v: 1,
    id: 'a/a/a:A' as CollectorId,
    input: 'a',
    inputNumber: 1,
    key: 'a/a:A',
    module: 'a',
    class: 'A',
  },
  ...{ name: 'A', everyMs: EVERY_MS, timeoutMs: 300_000, paused: false, offsetMs: 7, pool: 'default' },
};
/** What BullMQ's loop does by itself is about 7,700 a second. */
const MOST_REFUSED_A_SECOND = 100;

it('a worker waits longer and longer while Redis is out of memory, says so now and then, and then takes every tick again', async () => {
  const server = await startTestRedis();
  onTestFinished(() => server.stop());
  const { redis, target } = server;
  const ticks = new TickQueue('default', redis);
  onTestFinished(() => ticks.close());
  const blocking = connect(target, 'waiting', () => undefined);
  onTestFinished(() => blocking.disconnect());
  const taken: number[] = [];
  const told: string[] = [];
  const worker = new JobWorker({
    ...{ queue: 'collect-default', connection: blocking, concurrency: 4 },
    process: async (_data, { id }) => {
      taken.push(parseTickId(id)?.dueMs ?? 0);
      return { kind: 'done' };
    },
    onError: ({ message }) => told.push(message),
  });
  onTestFinished(() => worker.stop(0));
  const correct = () => correctSchedules(ticks, [collector], Date.now());
  await correct();
  await eventually('ticks', () => taken.length >= 5);

  const refused = async () =>
    Number(/errorstat_OOM:count=(\d+)/.exec(await redis.info('errorstats'))?.[1] ?? 0);
  await redis.config('SET', 'maxmemory', '1');
  await eventually('commands to be refused', async () => (await refused()) >= 2);
  const [before, sinceMs] = [await refused(), performance.now()];
  await eventually('more of them', async () => (await refused()) >= before + 4);
  const perSecond = ((await refused()) - before) / ((performance.now() - sinceMs) / 1000);
  expect(perSecond).toBeLessThan(MOST_REFUSED_A_SECOND);
  expect(told.filter((message) => message.startsWith('OOM')).length).toBeLessThan((await refused()) / 2);

  await redis.config('SET', 'maxmemory', '0');
  const then = taken.length;
  await eventually('each tick to be taken again', async () => {
    await correct(); // a script that was refused half-way may have left a job nowhere
    const last = taken.slice(then).slice(-20);
    return last.length === 20 && last.every((due, at) => at === 0 || due - (last[at - 1] ?? 0) === EVERY_MS);
  });
});
