// What BullMQ does that its documentation does not say, and that ticks must survive.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type CollectorId, type CollectorRecord, schedulerId, tickId } from '@pythond/jobs';
import { connect, JobWorker, key, redisOptions, TickQueue } from '@pythond/queue';
import { Collectors, tickCounts, unaccountedTicks } from '@pythond/registry';
import { correctSchedules } from '@pythond/scheduler';
import { describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { startFaultProxy } from '../../support/fault-proxy.ts';
import { startQuickWorker } from '../../support/quick-worker.ts';
import { startTestRedis } from '../../support/redis.ts';

const ID = 'a/a/a:A' as CollectorId;
const scheduler = schedulerId(ID);
const EVERY_MS = 200;
const record: CollectorRecord = {
  ...{ v: 1, id: ID, input: 'a', inputNumber: 1, key: 'a/a:A', module: 'a', class: 'A', name: 'A' },
  ...{ everyMs: EVERY_MS, timeoutMs: 300_000, paused: false, offsetMs: 7, pool: 'default' },
};
const ofQueue = (...parts: string[]) => key('collect-default', ...parts);
const poisoned = new URL('./poisoned.mjs', import.meta.url).pathname;

type AtEnd = (stop: () => Promise<void>) => void;

/** A Redis with one collector and its schedule. */
async function makeParts(atEnd: AtEnd) {
  const server = await startTestRedis();
  atEnd(() => server.stop());
  const { redis, target } = server;
  const ticks = new TickQueue('default', redis);
  atEnd(() => ticks.close());
  const collectors = new Collectors(redis);
  await collectors.register([record]);
  const correct = () => correctSchedules(ticks, [record], Date.now());
  const counts = async () => tickCounts((await collectors.get(ID))?.counts ?? {});
  return { redis, target, ticks, correct, counts };
}

/** As when the worker that took a job has died with it, and 20 seconds have passed. */
async function stall(redis: Awaited<ReturnType<typeof makeParts>>['redis'], job: string): Promise<void> {
  await redis.sadd(ofQueue('stalled'), job);
  await redis.del(ofQueue(job, 'lock'), ofQueue('stalled-check'));
}

// Most of their time is waiting for clocks, so they do it together.
describe.concurrent('ticks go on', () => {
  it('when a worker was killed after it took one and before it made the next', async ({ onTestFinished }) => {
    const { redis, ticks, correct, counts } = await makeParts(onTestFinished);
    await correct();
    const { nextMs = 0 } = (await ticks.stored()).get(scheduler) ?? {};
    const job = `repeat:${scheduler}:${nextMs}`;
    await redis.multi().zrem(ofQueue('delayed'), job).lpush(ofQueue('active'), job).exec();
    expect(await correct()).toEqual({ upserted: {}, removed: 0 }); // whoever has it may live
    await stall(redis, job);
    const worker = startQuickWorker(redis, () => ({ classes: [], everyMs: EVERY_MS }));
    onTestFinished(() => worker.stop());
    const given = await eventually('ticks', () => {
      const dues = worker.given.get(scheduler) ?? [];
      return dues.length >= 5 ? dues : null;
    });
    expect(given[0]).toBe(nextMs);
    expect(new Set(given.map((due) => due % EVERY_MS))).toEqual(new Set([7]));
    expect(unaccountedTicks(await counts())).toBe(0);
  });

  it('by themselves when Redis was away for longer than the 20 tries that ioredis makes, each once, the others missed', async ({
    onTestFinished,
  }) => {
    const { target, correct, counts } = await makeParts(onTestFinished);
    const way = await startFaultProxy({ path: redisOptions(target).path ?? '' });
    onTestFinished(() => way.close());
    const { password = '' } = target;
    const through = connect({ url: `redis://127.0.0.1:${way.port}`, password }, 'failing', () => undefined);
    onTestFinished(async () => through.disconnect());
    const worker = startQuickWorker(through, () => ({ classes: [], everyMs: EVERY_MS }));
    onTestFinished(() => worker.stop());
    await correct();
    const given = () => worker.given.get(scheduler) ?? [];
    await eventually('ticks', () => given().length >= 5);
    await way.goWrong({ kind: 'reset-before' });
    way.reset();
    const made = way.connections.made;
    const senders = 3; // connections that try again, each for itself
    await eventually(
      'more than 20 tries of each',
      () => way.connections.made >= made + senders * 25,
      300_000,
    );
    await way.goWrong(null);
    const before = given().length;
    await eventually('ticks', () => given().length >= before + 10, 300_000);
    await worker.stop();
    const sum = await counts();
    expect(unaccountedTicks(sum)).toBe(0);
    expect(sum.missed).toBeGreaterThan(0);
    expect(new Set(given()).size).toBe(given().length);
    // those whose end could not be written are lost
    expect(given().length).toBeGreaterThanOrEqual(sum.run);
    expect(given().length).toBeLessThanOrEqual(sum.run + sum.lost);
    expect(new Set(given().map((due) => due % EVERY_MS))).toEqual(new Set([7]));
  });

  it('though one of them kills every worker that takes it: that one is given up after three starts', async ({
    onTestFinished,
  }) => {
    const { redis, target, ticks } = await makeParts(onTestFinished);
    const [bad, good] = [1, 2].map((due) => tickId('manual', scheduler, due)) as [string, string];
    await ticks.runOnce(bad, ID);
    let deaths = 0;
    // the fifth would take it again if nothing bounded it
    for (let start = 1; start <= 5 && (await ticks.answer(bad)) === null; start += 1) {
      const child = spawn(process.execPath, [poisoned, JSON.stringify(target)], { stdio: 'inherit' });
      onTestFinished(async () => void child.kill('SIGKILL'));
      const died = once(child, 'exit').then(() => 'died');
      const isOver = eventually('its job to be given up', async () => (await ticks.answer(bad)) && 'over');
      isOver.catch(() => undefined); // it dies first
      if ((await Promise.race([died, isOver])) === 'died') {
        deaths += 1;
        await stall(redis, bad);
      }
    }
    expect(await ticks.answer(bad)).toContain('started more than allowable');
    expect(deaths).toBe(3);
    const connection = connect(target, 'waiting', () => undefined);
    onTestFinished(async () => connection.disconnect());
    const healthy = new JobWorker({
      ...{ queue: 'collect-default', connection, concurrency: 1, onError: () => undefined },
      process: async () => ({ kind: 'done', value: 'well' }),
    });
    onTestFinished(() => healthy.stop(0));
    await ticks.runOnce(good, ID);
    expect(await eventually('the next one', () => ticks.answer(good))).toBe('well');
  });
});
