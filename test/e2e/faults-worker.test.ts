import { spawnSync } from 'node:child_process';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { RunRecord } from '@pythond/jobs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type RunningCli, repository } from '../support/cli.ts';
import { eventually as eventuallyWithin } from '../support/eventually.ts';
import { COLLECTOR, type FaultFleet, makeFaultFleet, TICK_POINTS } from '../support/fault-fleet.ts';
import { isAlive, type KnownProcess, treeOf } from '../support/processes.ts';
import { skipIf } from '../support/skip.ts';
import { openBlock } from '../support/tally.ts';

// The faults F27 to F29 and F34: a worker that is stopped or stuck, without room on its disk, or with a bundle that is
// not what it was. One fleet goes through all of them, in this order; a collector of one second reports all the while.
// After each both ledgers are checked.
vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 });

const LONG_MS = 300_000;
const stops: (() => Promise<void>)[] = [];
let faults: FaultFleet;
let workers: RunningCli[];

const SCRATCH = 'scratch/scratch/scratch:Scratch';
/** Writes into its temporary folder. */
const scratch = `
import os
import tempfile

from datakit_framework import DataKitFramework


class Scratch(DataKitFramework):
    def run(self):
        with tempfile.TemporaryFile(dir=os.environ['TMPDIR']) as scratch:
            scratch.write(b'x' * 65536)
`;

const eventually = <T>(what: string, probe: () => T | Promise<T>) => eventuallyWithin(what, probe, LONG_MS);
const inHome = (name: string) => path.join(faults.fleet.home.dir, name);

beforeAll(async () => {
  faults = await makeFaultFleet((stop) => stops.unshift(stop), { ticks: true });
  workers = [faults.worker];
  await faults.startTicking();
});
afterAll(async () => {
  for (const stop of stops) await stop();
});

async function startWorker(
  env: Readonly<Record<string, string>> = {},
  inside: readonly string[] = [],
): Promise<RunningCli> {
  const worker = await faults.fleet.startWorker({ PYTHOND_CACHE_DIR: inHome('cache'), ...env }, inside);
  workers.push(worker);
  return worker;
}

async function stop(worker: RunningCli): Promise<void> {
  expect((await worker.stop('SIGTERM')).code).toBe(0);
  workers = workers.filter((one) => one !== worker);
}

/** Both ledgers, at rest. */
async function expectAccounted(): Promise<void> {
  await faults.fleet.tally.letGo();
  await faults.stopTicking();
  expect(await faults.conserved()).toMatchObject({ dead: 0, waiting: 0, dropped: 0 });
  await faults.ticksAddUp();
  for (const { process: app } of workers) expect(app.exitCode).toBeNull();
  await faults.startTicking();
}

/** Metrics of the runs of this kind: one series, whose points have the time of their tick. */
function timesOf(kind: string): Set<string> {
  const points = faults.datakit.accepted.all().map(({ point }) => point);
  return new Set(
    points
      .filter(({ tags, category }) => tags['kind'] === kind && category === 'metric')
      .map(({ time }) => time),
  );
}

const workerBelow = (pid: number) => {
  const found = workers.find((worker) => treeOf(worker.pid).some((one) => one.pid === pid));
  if (!found) throw new Error(`no worker has the process ${pid}`);
  return found;
};

/** Some end meanwhile: a run by itself, or by the hand of those that go on already. */
function send({ pid }: KnownProcess, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** What a run that was taken over must come to. */
async function expectTakenOver(
  pid: number,
  kind: string,
  record: Promise<RunRecord>,
  by: RunningCli,
): Promise<void> {
  await eventually('the first run to be dead', () => !isAlive(pid));
  const beats = (await faults.beats()).filter((beat) => beat.pid === pid).length;
  await faults.fleet.tally.letGo();
  const run = await record;
  expect(run).toMatchObject({
    ...{ outcome: { kind: 'succeeded' }, worker: (await faults.fleet.workerOf(by))?.name },
  });
  expect(run.attempt).toBeGreaterThan(1);
  await faults.delivered(2);
  expect((await faults.beats()).filter((beat) => beat.pid === pid)).toHaveLength(beats);
  // both runs' points are of one tick, and its end is told once
  expect(timesOf(kind).size).toBe(1);
  const told = (await faults.fleet.runs(COLLECTOR)).filter(({ id }) => id === run.id);
  expect(told).toHaveLength(1);
}

describe('F27: a worker that is stopped with all its processes for longer than a lock, and then goes on', () => {
  it('finds that another one has its run: its own dies, and what it says of it is not taken', async () => {
    const { pid, record } = await faults.emitHeld({ points: TICK_POINTS, kind: 'f27' });
    const other = await startWorker();
    const stopped = workerBelow(pid);
    const tree = treeOf(stopped.pid);
    for (const one of tree) send(one, 'SIGSTOP');
    await eventually('another worker to run it', async () => (await faults.pidsAfter(pid)).length > 1);
    for (const one of tree) send(one, 'SIGCONT');
    await expectTakenOver(pid, 'f27', record, other);
    await expectAccounted();
    await stop(stopped);
  });
});

describe('F28: a worker whose event loop is blocked', () => {
  it('has its run killed by its host before another worker runs it, and goes on when it can', async () => {
    const [other] = workers;
    const block = inHome('block');
    const script = path.join(repository, 'test/support/block-loop.mjs');
    const stuck = await startWorker({ NODE_OPTIONS: `--import=${script}`, BLOCK_WHILE: block });
    // the other one takes nothing until this one has the run
    other?.process.kill('SIGSTOP');
    const { pid, record } = await faults.emitHeld({ points: TICK_POINTS, kind: 'f28' });
    other?.process.kill('SIGCONT');
    expect(workerBelow(pid)).toBe(stuck);
    await writeFile(block, '');
    await eventually('the host to kill the run', () => !isAlive(pid));
    await eventually('another worker to run it', async () => (await faults.pidsAfter(pid)).length > 1);
    await faults.expectOneAtATime(await faults.pidsAfter(pid));
    await rm(block);
    if (!other) throw new Error('there is no other worker');
    await expectTakenOver(pid, 'f28', record, other);
    await eventually('it to be a worker again', () => faults.fleet.workerOf(stuck));
    await expectAccounted();
    await stop(stuck);
  });
});

describe('F34: a bundle in the cache', () => {
  /** Files of the modules in the cache. */
  async function modules(name: string): Promise<string[]> {
    const files = await readdir(inHome('cache'), { recursive: true });
    return files.filter((file) => file.endsWith(`/${name}`)).map((file) => inHome(`cache/${file}`));
  }

  it.each<[string, (file: string) => Promise<void>]>([
    [
      'that says something else',
      (file) => writeFile(file, `open(${JSON.stringify(inHome('tampered'))}, 'w')\n`),
    ],
    ['that was cut', async (file) => writeFile(file, (await readFile(file)).subarray(0, 40))],
    ['that lacks a file', (file) => rm(file)],
  ])('%s is not run: it is fetched again', async (_what, damage) => {
    const [before] = workers;
    const worker = before ?? (await startWorker());
    await stop(worker);
    const [file = ''] = await modules('emit.py');
    const whole = await readFile(file, 'utf8');
    await damage(file);
    await startWorker();
    const run = await faults.emit({ points: TICK_POINTS, kind: 'f34' });
    expect(run).toMatchObject({ outcome: { kind: 'succeeded' }, points: { delivered: 5 } });
    const [again = ''] = await modules('emit.py');
    expect(await readFile(again, 'utf8')).toBe(whole);
    expect(await readdir(faults.fleet.home.dir)).not.toContain('tampered');
  });

  it('that is removed while it runs costs neither that run nor the next', async () => {
    const { record } = await faults.emitHeld({ points: TICK_POINTS, kind: 'f34' });
    for (const name of await readdir(inHome('cache'))) await rm(inHome(`cache/${name}`), { recursive: true });
    await faults.fleet.tally.letGo();
    expect(await record).toMatchObject({ attempt: 1, outcome: { kind: 'succeeded' } });
    const next = await faults.emit({ points: TICK_POINTS, kind: 'f34' });
    expect(next).toMatchObject({ outcome: { kind: 'succeeded' } });
    await expectAccounted();
  });
});

/** Two small volumes, for the cache and for temporary folders, that only the command and its children see. */
const withSmallDisks = (cache: string, tmp: string) => [
  ...['unshare', '--mount', '--propagation', 'private', 'sh', '-ec'],
  `
    mount -t tmpfs -o size=1m,mode=755 tmpfs "$1"
    mount -t tmpfs -o size=1m,mode=1777 tmpfs "$2"
    dd if=/dev/zero of="$1/filler" bs=4k 2>/dev/null || true
    shift 2
    exec "$@"
  `,
  ...['sh', cache, tmp],
];
const maySplitMounts = () =>
  spawnSync('unshare', ['--mount', 'sh', '-c', 'mount -t tmpfs tmpfs /mnt']).status === 0;

/** Writes until there is no room left. */
async function fill(file: string): Promise<void> {
  await writeFile(file, Buffer.alloc(4 * 1024 ** 2)).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOSPC') throw error;
  });
}

describe('F29: a worker whose disk is full', () => {
  it('names that in the records of its runs, uses nothing half unpacked, and goes on when there is room', async (test) => {
    skipIf(maySplitMounts() ? null : 'needs the right to make a mount namespace', test);
    await faults.fleet.home.write({
      'conf.d/scratch.conf': openBlock('scratch', ['scratch'], 'paused = true'),
      'python.d/scratch/scratch.py': scratch,
    });
    await eventually('its collector', () => faults.fleet.view(SCRATCH));
    await faults.stopTicking();
    const [cache, tmp] = [inHome('small/cache'), inHome('small/tmp')];
    for (const dir of [cache, tmp]) await mkdir(dir, { recursive: true });
    const before = [...workers];
    const worker = await startWorker({ PYTHOND_CACHE_DIR: cache, TMPDIR: tmp }, withSmallDisks(cache, tmp));
    for (const one of before) await stop(one);
    const seen = (dir: string) => path.join(`/proc/${worker.pid}/root`, dir);

    const failed = await faults.emit({ points: TICK_POINTS, kind: 'f29' });
    expect(failed).toMatchObject({ outcome: { kind: 'failed' }, points: { reported: 0 } });
    expect(failed.error?.message).toContain(cache);
    expect(await readdir(seen(cache))).toEqual(['filler']);

    await rm(path.join(seen(cache), 'filler'));
    const run = await faults.emit({ points: TICK_POINTS, kind: 'f29' });
    expect(run).toMatchObject({ outcome: { kind: 'succeeded' }, points: { delivered: 5 } });

    await fill(path.join(seen(tmp), 'filler'));
    const refused = await faults.fleet.run(SCRATCH);
    expect(refused.outcome.kind).toBe('failed');
    expect(refused.error?.message).toContain('No space left on device');
    await rm(path.join(seen(tmp), 'filler'));
    expect(await faults.fleet.run(SCRATCH)).toMatchObject({ outcome: { kind: 'succeeded' } });
    await faults.startTicking();
    await expectAccounted();
  });
});
