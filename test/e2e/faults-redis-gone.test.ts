import { readFileSync } from 'node:fs';
import { readdir, stat, truncate } from 'node:fs/promises';
import path from 'node:path';
import { Ledger, ledgerKeys, sumOf, unaccounted } from '@pythond/ledger';
import { Normalizer } from '@pythond/normalizer';
import { Fleet, type TickCounts } from '@pythond/registry';
import { createLogger } from '@pythond/telemetry';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { RunningCli } from '../support/cli.ts';
import { expectConserved } from '../support/conservation.ts';
import { replies } from '../support/datakit-replies.ts';
import { eventually as eventuallyWithin } from '../support/eventually.ts';
import { COLLECTOR, type FaultFleet, makeFaultFleet, TICK_POINTS, TICKS } from '../support/fault-fleet.ts';
import { isAlive } from '../support/processes.ts';

// The faults F16 to F21, F37 and F38: a Redis that goes away, stands still, refuses or forgets, and a fleet without a
// worker. One fleet goes through all of them, in this order; a collector of one second reports all the while. After each
// both ledgers are checked: every point is in its place, and every due tick was run, skipped, missed or lost.
vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 });

const LONG_MS = 300_000;
const stops: (() => Promise<void>)[] = [];
let faults: FaultFleet;
/** Two workers at first. */
let workers: RunningCli[];
let apps: RunningCli[];

beforeAll(async () => {
  faults = await makeFaultFleet((stop) => stops.unshift(stop), {
    ...{ ticks: true, redisArguments: ['--enable-debug-command', 'local'] },
  });
  workers = [faults.worker, await faults.fleet.startWorker()];
  apps = [...workers, faults.scheduler, faults.normalizer];
  await faults.startTicking();
});
afterAll(async () => {
  for (const stop of stops) await stop();
});

const eventually = <T>(what: string, probe: () => T | Promise<T>) => eventuallyWithin(what, probe, LONG_MS);

/** Both ledgers, at rest. Gives the ticks' counts. */
async function expectAccounted(): Promise<TickCounts> {
  await faults.stopTicking();
  expect(await faults.conserved()).toMatchObject({ dead: 0, waiting: 0, dropped: 0 });
  const counts = await faults.ticksAddUp();
  expectAllAlive();
  await faults.startTicking();
  return counts;
}

function expectAllAlive(): void {
  for (const app of apps) {
    expect(app.process.exitCode).toBeNull();
    expect(app.stderr() + app.stdout()).not.toMatch(/unhandled/i);
  }
}

const linesOf = (text: RegExp) =>
  apps.flatMap((app) => app.stdout().split('\n')).filter((line) => text.test(line)).length;

/** Points of a held run that DataKit has, by the run's kind. */
const acceptedOf = (kind: string) =>
  faults.datakit.accepted.all().filter(({ point }) => point.tags['kind'] === kind);

/** Seconds of CPU that the apps have used. */
function cpuSeconds(): number {
  const ticks = apps.map(({ pid }) => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
    return Number(fields[11]) + Number(fields[12]);
  });
  return ticks.reduce((sum, one) => sum + one, 0) / 100;
}

/** What the apps use until `work` is done, as a share of one CPU. */
async function costOf(work: () => Promise<unknown>): Promise<{ cpu: number; seconds: number }> {
  const before = { cpu: cpuSeconds(), ms: performance.now() };
  await work();
  const seconds = (performance.now() - before.ms) / 1000;
  return { cpu: (cpuSeconds() - before.cpu) / seconds, seconds };
}

/** What one app says most often since it had said so many characters, by message and kind of error. */
function mostRepeated(since: readonly number[]): { text: string; times: number } {
  const times = new Map<string, number>();
  for (const [nth, app] of apps.entries()) {
    for (const line of app.stdout().slice(since[nth]).split('\n').slice(0, -1)) {
      const { msg, kind, err } = JSON.parse(line);
      const text = [nth, msg ?? kind, err?.type, err?.code].join(' ');
      times.set(text, (times.get(text) ?? 0) + 1);
    }
  }
  const [text = '', count = 0] = [...times].sort(([, one], [, other]) => other - one)[0] ?? [];
  return { text, times: count };
}

describe('F16: a Redis that is away for longer than any lease', () => {
  it('ends the run that goes on, whose points are delivered; nothing spins; ticks run again when it is back', async () => {
    const up = await costOf(() => faults.delivered(4));
    const { pid, record } = await faults.emitHeld({ points: TICK_POINTS, kind: 'f16' });
    const sinceLines = apps.map((app) => app.stdout().length);
    await faults.fleet.stopRedis('stop');
    const down = await costOf(async () => {
      await eventually('the run to be killed', () => !isAlive(pid));
      const reported = async () =>
        [...(await faults.emitted()).keys()].filter((mark) => !isAccepted(mark)).length;
      await eventually('all that it reported to be accepted', async () => (await reported()) === 0);
    });
    expectAllAlive();
    expect(down.cpu).toBeLessThan(5 * up.cpu);
    // a queue's and another one's error, each once in ten seconds
    const most = mostRepeated(sinceLines);
    expect(most.times, most.text).toBeLessThanOrEqual(2 * (1 + Math.ceil(down.seconds / 10)));
    await faults.fleet.tally.letGo();
    await faults.fleet.startRedis();
    await faults.delivered(2);
    const { attempt, outcome } = await record;
    // by its own worker, or run again where that was not in time
    expect(attempt === 1 ? outcome : outcome.kind).toEqual(
      attempt === 1 ? { kind: 'killed', reason: 'lease' } : 'succeeded',
    );
    await expectAccounted();
  });
});

function isAccepted(mark: string): boolean {
  return faults.datakit.accepted.all().some(({ point }) => point.tags['mark'] === mark);
}

describe('F19: a Redis that stands still for longer than a lease', () => {
  it('leads to no two runs at once: the first is dead before the second begins, and their points have one time', async () => {
    const { pid, record } = await faults.emitHeld({ points: TICK_POINTS, kind: 'f19' });
    const asleep = faults.fleet.redis.duplicate({ commandTimeout: LONG_MS });
    await asleep.call('DEBUG', 'SLEEP', '18');
    asleep.disconnect();
    await eventually('another run of it', async () => (await faults.pidsAfter(pid)).length > 1);
    expect(isAlive(pid)).toBe(false);
    await faults.fleet.tally.letGo();
    const run = await record;
    expect(run).toMatchObject({ outcome: { kind: 'succeeded' } });
    const pids = await faults.pidsAfter(pid);
    expect(pids).toHaveLength(2);
    await faults.expectOneAtATime(pids);
    const metrics = acceptedOf('f19').filter(({ point }) => point.category === 'metric');
    expect(metrics.length).toBeGreaterThanOrEqual(2 * TICK_POINTS.M);
    expect(new Set(metrics.map(({ point }) => point.time)).size).toBe(1);
    await expectAccounted();
  });
});

describe('F20: a Redis that is out of memory', () => {
  it('does not keep points from DataKit, is told of now and then, and every tick is run after its relief', async () => {
    const { record } = await faults.emitHeld({ points: TICK_POINTS, kind: 'f20' });
    const { redis } = faults.fleet;
    const refused = async () =>
      Number(/errorstat_OOM:count=(\d+)/.exec(await redis.info('errorstats'))?.[1] ?? 0);
    await redis.config('SET', 'maxmemory', '1');
    await eventually('commands to be refused', async () => (await refused()) >= 20);
    const before = acceptedOf('f20').length;
    await eventually('points to be accepted all the same', () => acceptedOf('f20').length >= before + 30);
    const told = linesOf(/OOM/);
    const sofar = await refused();
    expect(told).toBeGreaterThan(0);
    expect(told).toBeLessThan(sofar / 2);
    await redis.config('SET', 'maxmemory', '0');
    await faults.fleet.tally.letGo();
    expect(await record).toMatchObject({ attempt: 1, outcome: { kind: 'succeeded' } });
    await eventually('five ticks in a row', async () => {
      const dues = (await faults.fleet.runs(TICKS)).slice(-5).map(({ dueMs }) => dueMs);
      return (dues[4] ?? 0) - (dues[0] ?? 0) === 4_000 && (dues[0] ?? 0) > Date.now() - 8_000;
    });
    await expectAccounted();
  });
});

describe('F21: a Redis that is read only, as a replica after a failover', () => {
  it('is waited for; the run that goes on is repeated at most once, for the same tick', async () => {
    const { pid, record } = await faults.emitHeld({ points: TICK_POINTS, kind: 'f21' });
    const { redis } = faults.fleet;
    const before = linesOf(/READONLY/);
    await redis.replicaof('127.0.0.1', 1);
    await faults.fleet.tally.letGo(); // it ends while nothing can be written
    await eventually('that to be noticed', () => linesOf(/READONLY/) >= before + 4);
    await redis.replicaof('NO', 'ONE');
    const run = await record;
    expect(run).toMatchObject({ outcome: { kind: 'succeeded' } });
    expect(run.attempt).toBeLessThanOrEqual(2);
    const pids = await faults.pidsAfter(pid);
    expect(pids.length).toBeLessThanOrEqual(2);
    await faults.expectOneAtATime(pids);
    const metrics = acceptedOf('f21').filter(({ point }) => point.category === 'metric');
    expect(new Set(metrics.map(({ point }) => point.time)).size).toBe(1);
    await faults.delivered(3);
    await expectAccounted();
  });
});

describe('F37: no worker for many intervals', () => {
  it('costs the ticks of that time, which are counted as missed: one of them runs late, with a fresh time', async () => {
    await faults.stopTicking();
    const before = await faults.ticksAddUp();
    for (const worker of workers) expect((await worker.stop('SIGTERM')).code).toBe(0);
    await faults.fleet.home.write({ 'ticks.json': JSON.stringify({ points: TICK_POINTS, kind: 'f37' }) });
    const lastMs = (await faults.fleet.runs(TICKS)).at(-1)?.dueMs ?? 0;
    await eventually('eight of its intervals to pass', () => Date.now() > lastMs + 8_000);
    const backMs = Date.now();
    workers = [await faults.fleet.startWorker()];
    apps = [...workers, faults.scheduler, faults.normalizer];
    await faults.delivered(3);
    const runs = (await faults.fleet.runs(TICKS)).filter(({ dueMs }) => dueMs > lastMs);
    const late = runs.filter(({ dueMs }) => dueMs < backMs - 1_000);
    expect(late.map(({ points }) => points.delivered)).toEqual([5]);
    const times = acceptedOf('f37').map(({ point }) => Number(BigInt(point.time) / 1_000_000n));
    expect(Math.min(...times)).toBeGreaterThanOrEqual(backMs);
    const dues = runs.slice(1).map(({ dueMs }) => dueMs);
    expect(new Set(dues).size).toBe(dues.length);
    const after = await expectAccounted();
    expect(after.missed - before.missed).toBeGreaterThanOrEqual(5);
    expect(after.late - before.late).toBeGreaterThanOrEqual(1);
  });
});

/** The file that Redis appends to. */
async function appendOnlyFile(): Promise<string> {
  const [, dir = ''] = (await faults.fleet.redis.config('GET', 'dir')) as string[];
  const folder = path.join(dir, 'appendonlydir');
  const newest = (await readdir(folder))
    .filter((name) => name.endsWith('.incr.aof'))
    .sort()
    .at(-1);
  return path.join(folder, newest ?? '');
}

describe('F17: a Redis that is killed', () => {
  it('and comes back with all that it knew: its schedules go on', async () => {
    await faults.fleet.restartRedis('kill');
    await faults.delivered(3);
    await expectAccounted();
  });

  it('and comes back without its last moments: its schedules are put right, and no point is lost', async () => {
    const file = await appendOnlyFile();
    await faults.delivered(1);
    const { size } = await stat(file);
    await faults.delivered(1); // a tick that Redis is not going to know of
    await faults.fleet.stopRedis('kill');
    await truncate(file, size);
    await faults.fleet.startRedis();
    await faults.delivered(3);
    await faults.stopTicking();
    await faults.drained();
    expectConserved({
      emitted: [...(await faults.emitted()).keys()],
      accepted: [faults.datakit.accepted],
    });
    // its counts lack what was lost with it, and still add up
    await faults.ticksAddUp();
    const entries = await new Ledger(faults.fleet.redis).entries();
    for (const { counts } of entries) expect(unaccounted(counts)).toBe(0);
    expectAllAlive();
    await faults.startTicking();
  });
});

describe('F18 and F38: a Redis that loses everything', () => {
  it('with deliveries and dead letters in it: schedules are back, the loss is told, and those points count as lost', async () => {
    const { redis } = faults.fleet;
    await faults.stopTicking();
    expect((await faults.normalizer.stop('SIGTERM')).code).toBe(0);
    const target = { url: `unix://${faults.fleet.redisPath}`, password: redis.options.password ?? '' };
    const log = createLogger({ level: 'silent', app: 'normalizer', file: null });
    const normalizer = new Normalizer({
      fleetMetrics: false,
      ...{ redis: target, outbox: {}, late: 'send', datakit: null, deadLetterAgeMs: 86_400_000, log },
      tidyMs: 100,
    });
    await normalizer.start();
    stops.unshift(() => normalizer.stop());
    apps = [...workers, faults.scheduler];

    faults.goWrong(({ lines }) =>
      lines.some((line) => line.includes('kind=dies')) ? replies.rejected : null,
    );
    await faults.emit({ points: { M: 2 }, kind: 'dies' });
    await eventually('the dead letters', async () => (await faults.letters()).length > 0);
    faults.goWrong(() => replies.failed(503));
    await faults.emit({ points: { M: 4, L: 3 }, kind: 'waits' });
    expect(await faults.waiting()).toBe(7);
    await looksAtLosses(redis, 2);

    const leader = await new Fleet(redis).leader();
    await redis.flushall();
    const ledger = async () => sumOf(await new Ledger(redis).of(COLLECTOR));
    await eventually('the loss to be counted', async () => (await ledger()).lost === 9);
    faults.goWrong(null);
    await eventually(
      'the collectors',
      async () => (await faults.fleet.view(TICKS)) && faults.fleet.view(COLLECTOR),
    );
    await faults.startTicking();
    await faults.stopTicking();
    expect(await new Fleet(redis).stateLosses()).toMatchObject({ total: 1 });
    expect((await new Fleet(redis).leader())?.pid).toBe(leader?.pid);
    // nothing of what was lost is said to be delivered, nor was it
    expect(await ledger()).toMatchObject({ emitted: 9, accepted: 0, dead: 0, queued: 0, lost: 9 });
    expect([...acceptedOf('waits'), ...acceptedOf('dies')]).toEqual([]);
    const sums = sumOf(await new Ledger(redis).of(TICKS));
    expect(sums.emitted).toBe(sums.accepted);
    expect(sums.emitted).toBeGreaterThanOrEqual(10);
    await faults.ticksAddUp();
    expectAllAlive();
  });
});

/** Until so many looks at which points are in Redis alone have begun. */
async function looksAtLosses(redis: FaultFleet['fleet']['redis'], count: number): Promise<void> {
  const monitor = await redis.monitor();
  let seen = 0;
  monitor.on('monitor', (_time: string, [command, key]: string[]) => {
    if (command === 'get' && key === ledgerKeys.epoch) seen += 1;
  });
  await eventually('looks at what may be lost', () => seen > count);
  monitor.disconnect();
}
