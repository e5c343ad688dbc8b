import { mkdir, rmdir } from 'node:fs/promises';
import path from 'node:path';
import type { RunRecord } from '@pythond/jobs';
import type { Redis } from '@pythond/queue';
import { tickCounts, unaccountedTicks } from '@pythond/registry';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { replies } from '../support/datakit-replies.ts';
import { eventually } from '../support/eventually.ts';
import { type FaultFleet, makeFaultFleet, TICKS } from '../support/fault-fleet.ts';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';

// The faults F22 to F24: a Redis that refuses, and a bad way to it. A collector of one second reports all the while; in
// the end every point that it reported is in its place.
vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 });

const LONG_MS = 300_000;
const stops: (() => Promise<void>)[] = [];
let faults: FaultFleet;
let way: FaultProxy;
/** A connection of the test's own, on the Redis's socket, whatever happens on the way that the apps take. */
let redis: Redis;

beforeAll(async () => {
  const atEnd = (stop: () => Promise<void>) => stops.unshift(stop);
  const redisWay = async (socketPath: string) => {
    way = await startFaultProxy({ path: socketPath });
    atEnd(() => way.close());
    return `redis://127.0.0.1:${way.port}`;
  };
  faults = await makeFaultFleet(atEnd, { ticks: true, redisWay });
  redis = faults.fleet.redis;
  await faults.fleet.home.write({ 'ticks.json': JSON.stringify({ points: { M: 3, L: 2 } }) });
  await delivered(2);
});
afterAll(async () => {
  for (const stop of stops) await stop();
});

/** So many more runs that ended well, their points accepted. */
async function delivered(count: number): Promise<RunRecord[]> {
  const sinceMs = Date.now();
  const done = async () => {
    const runs = (await faults.fleet.runs(TICKS)).filter(
      ({ dueMs, outcome, points }) =>
        dueMs > sinceMs && outcome.kind === 'succeeded' && points.delivered === 5,
    );
    return runs.length >= count ? runs : null;
  };
  return eventually(`${count} runs whose points are accepted`, done, LONG_MS);
}

/** Until the apps have met the fault so many times: they say so. */
async function noticed(code: string, times = 2): Promise<void> {
  const said = () => [faults.worker, faults.normalizer, faults.scheduler].map((app) => app.stdout()).join('');
  const before = said().split(code).length;
  await eventually(
    `${code} in what the apps say`,
    () => said().split(code).length >= before + times,
    LONG_MS,
  );
}

function expectAllAlive(): void {
  for (const app of [faults.worker, faults.normalizer, faults.scheduler]) {
    expect(app.process.exitCode).toBeNull();
    expect(app.stderr()).not.toMatch(/unhandled/i);
    expect(app.stdout()).not.toMatch(/unhandled/i);
  }
}

describe('F24: SCRIPT FLUSH', () => {
  it('is not seen', async () => {
    const sinceMs = Date.now();
    const counts = await faults.fleet.counts(TICKS);
    for (let round = 0; round < 3; round += 1) {
      await redis.script('FLUSH');
      await delivered(1);
    }
    const runs = (await faults.fleet.runs(TICKS)).filter(({ dueMs }) => dueMs > sinceMs);
    expect(runs.map(({ outcome, attempt }) => [outcome.kind, attempt])).toEqual(
      runs.map(() => ['succeeded', 1]),
    );
    expect((await faults.fleet.counts(TICKS))['lost']).toBe(counts['lost']);
  });
});

describe('F22: a Redis that refuses for a while is waited for:', () => {
  it('BUSY, for a script of somebody runs on and on', async () => {
    await redis.config('SET', 'busy-reply-threshold', '50');
    const endless = redis.duplicate({ commandTimeout: LONG_MS });
    const running = endless.eval('while true do end', 0).catch((error: Error) => error.message);
    await noticed('BUSY');
    // "SCRIPT KILL" is answered all the same.
    await eventually('its end', async () => (await redis.script('KILL').catch(() => null)) === 'OK');
    expect(await running).toContain('script');
    endless.disconnect();
    await delivered(3);
    expectAllAlive();
  });

  it('NOREPLICAS', async () => {
    await redis.config('SET', 'min-replicas-to-write', '1');
    await noticed('NOREPLICAS');
    await redis.config('SET', 'min-replicas-to-write', '0');
    await delivered(3);
    expectAllAlive();
  });

  it('MISCONF, for a snapshot could not be written', async () => {
    const [, dir = ''] = (await redis.config('GET', 'dir')) as string[];
    const [, file = ''] = (await redis.config('GET', 'dbfilename')) as string[];
    // A folder stands where the snapshot is to be.
    await mkdir(path.join(dir, file, 'in-the-way'), { recursive: true });
    await redis.config('SET', 'save', '3600 1000000');
    await redis.bgsave();
    await noticed('MISCONF');
    await redis.config('SET', 'save', '');
    await rmdir(path.join(dir, file, 'in-the-way'));
    await rmdir(path.join(dir, file));
    await delivered(3);
    expectAllAlive();
  });
});

describe('F22: a Redis that reads a long file when it starts', () => {
  it('is waited for: LOADING', async () => {
    // The same key again and again: long to read, and nothing to keep.
    const write = "for i = 1, 100000 do redis.call('SET', KEYS[1], i) end";
    for (let part = 0; part < 20; part += 1) await redis.eval(write, 1, 'junk');
    await redis.del('junk');
    const watcher = redis.duplicate({
      enableReadyCheck: false,
      maxRetriesPerRequest: 0,
      retryStrategy: () => 20,
    });
    watcher.on('error', () => undefined);
    const isLoading = async () => /loading:1/.test(await watcher.info('persistence').catch(() => ''));
    const loading = eventually('the Redis to be loading', isLoading, LONG_MS);
    await faults.fleet.restartRedis('stop');
    await loading;
    watcher.disconnect();
    await delivered(3);
    expectAllAlive();
  });
});

describe('F23: on a bad way to Redis', () => {
  it('connections that are killed again and again are made anew, and runs go on', async () => {
    const before = way.connections.made;
    for (let round = 0; round < 6; round += 1) {
      await redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
      way.reset();
      await eventually('new connections', () => way.connections.made > before + round);
    }
    await delivered(3);
    expectAllAlive();
  });

  it('latency and loss slow runs down, and lose none', async () => {
    await way.goWrong({ kind: 'delay', ms: 100, lossShare: 0.3 });
    await delivered(3);
    await way.goWrong(null);
    await delivered(3);
    expectAllAlive();
  });
});

it('with neither Redis nor DataKit, points are held in memory, and delivered when either is back', async () => {
  const held = () => faults.worker.stdout().includes('points are held in memory: neither DataKit nor Redis');
  // Redis goes while DataKit has the points of a run, and refuses them
  faults.datakit.goWrong(() => {
    void way.goWrong({ kind: 'refuse' });
    return replies.failed(503);
  });
  await eventually('points to be held', held, LONG_MS);
  faults.datakit.goWrong(null);
  await way.goWrong(null);
  await delivered(3);
  expectAllAlive();
});

it('after all of it every point is accepted, waits, or is a dead letter', async () => {
  await faults.fleet.home.write({ 'ticks.json': 'null' });
  // Runs that began before end; those of later ticks report nothing.
  const sinceMs = Date.now();
  await eventually(
    'a run that reports nothing',
    async () =>
      (await faults.fleet.runs(TICKS)).some(({ dueMs, points }) => dueMs > sinceMs && points.reported === 0),
    LONG_MS,
  );
  // Every due tick is accounted for. What was lost did run, and only its record came too late: it was stale.
  const counts = await faults.fleet.counts(TICKS);
  const ticks = tickCounts(counts);
  expect(unaccountedTicks(ticks)).toBe(0);
  expect(ticks.lost).toBeLessThanOrEqual(counts['stale'] ?? 0);
  const sums = await faults.conserved();
  expect(sums.emitted).toBeGreaterThan(5 * 10);
  expect(sums).toMatchObject({ dead: 0, waiting: 0, dropped: 0 });
});
