import { readFileSync, writeFileSync } from 'node:fs';
import type { RunRecord } from '@pythond/jobs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunningCli } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';
import { makeFleet, type TestFleet } from '../support/fleet.ts';
import { block } from '../support/home.ts';
import { treeOf } from '../support/processes.ts';

const slow = { timeout: 600_000 };
const TIMEOUT_MS = 3_000;
/** What a kill may take beyond the time-out: 2 s, on a machine that is ten times slower. */
const KILL_MS = 20_000;
/** The most that a worker may grow by whatever a run does. */
const GROWTH_KB = 64 * 1024;

let fleet: TestFleet;
let worker: RunningCli;
const atEnd: (() => Promise<void>)[] = [];

const script = `
import os
import signal
import stat
import struct
import threading
import time

from datakit_framework import DataKitFramework


def result():
    """The run's own result descriptor: the highest pipe."""
    pipes = []
    for name in os.listdir('/proc/self/fd'):
        try:
            if stat.S_ISFIFO(os.fstat(int(name)).st_mode):
                pipes.append(int(name))
        except OSError:
            pass
    return max(pipes)


def write(data):
    descriptor = result()
    while data:
        data = data[os.write(descriptor, data):]


def frame(kind, payload):
    return struct.pack('>IB', len(payload) + 1, kind) + payload


REPORT = frame(0x21, b'{"report":0,"category":"metric","query":{},"ip":null,"port":null,"at":"1700000000000000000",'
                     b'"points":[{"measurement":"forged","fields":{"v":1}}],"more":false}')


class Honest(DataKitFramework):
    def run(self):
        self.feed_metric(measurement='honest', fields={'v': 1})


class Loops(DataKitFramework):
    def run(self):
        self.feed_metric(measurement='before', fields={'v': 1})
        while True:
            pass


class Sleeps(DataKitFramework):
    def run(self):
        time.sleep(3600)


class IgnoresTerm(DataKitFramework):
    def run(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        while True:
            time.sleep(3600)


class Grows(DataKitFramework):
    """A gigabyte, a piece at a time."""
    def run(self):
        held = []
        for _ in range(64):
            held.append(bytearray(os.urandom(1024 * 1024) * 16))
        time.sleep(3600)


class Prints(DataKitFramework):
    """A gigabyte on stdout."""
    def run(self):
        piece = b'x' * 1023 + b'\\n'
        for _ in range(1024):
            data = piece * 1024
            while data:
                data = data[os.write(1, data):]
        self.feed_metric(measurement='printed', fields={'v': 1})


class ClosesAll(DataKitFramework):
    def run(self):
        os.closerange(0, 70000)


class Threads(DataKitFramework):
    """A hundred thousand, if it may."""
    def run(self):
        stay = threading.Event()
        for _ in range(100000):
            threading.Thread(target=stay.wait, daemon=True).start()
        time.sleep(3600)


class Truncated(DataKitFramework):
    def run(self):
        write(REPORT[:-10])
        os._exit(0)


class Interleaved(DataKitFramework):
    """Two frames whose pieces come in turn, as from two writers that know nothing of each other."""
    def run(self):
        write(REPORT[:40])
        write(REPORT[:40])
        write(REPORT[40:])
        write(REPORT[40:])
        time.sleep(3600)


class Giant(DataKitFramework):
    """A frame that says it has four gigabytes, and begins to bring them."""
    def run(self):
        write(struct.pack('>IB', 0xFFFFFFFF, 0x21))
        while True:
            write(b'x' * 1048576)


class JustTooLarge(DataKitFramework):
    def run(self):
        write(struct.pack('>IB', 17 * 1024 * 1024 + 1, 0x21))
        while True:
            write(b'x' * 1048576)


class NeverWhole(DataKitFramework):
    """The largest frame that may be, but for its last byte."""
    def run(self):
        write(struct.pack('>IB', 15 * 1024 * 1024, 0x21))
        for _ in range(14):
            write(b'x' * 1048576)
        time.sleep(3600)
`;

beforeAll(async () => {
  fleet = await makeFleet({ atEnd: (stop) => atEnd.unshift(stop) });
  await fleet.home.write({
    'conf.d/faults.conf': block(
      'faults',
      ['faults'],
      `paused = true\n  isolation = "run"\n  timeout = ${TIMEOUT_MS / 1_000}\n  memory = "128MiB"`,
    ),
    'python.d/faults/faults.py': script,
  });
  worker = await fleet.startWorker();
  fleet.start('scheduler');
  await eventually('all collectors', async () => (await fleet.collectors.ids()).length === 13);
  await fleet.run('faults:Honest'); // what a worker needs for its first run is no growth
}, 600_000);

afterAll(async () => {
  for (const stop of atEnd) await stop();
});

/** Runs a collector, and then an honest one of the same host; nothing of the first is left, and the worker is small. */
async function runThenHonest(name: string): Promise<RunRecord> {
  const before = beginMeasuring();
  const run = await fleet.run(`faults:${name}`);
  await eventually('everything of the run to be gone', () => treeOf(worker.pid).length <= 2); // itself, and a host
  const grownKb = statusKb('VmHWM') - before;
  expect(await fleet.run('faults:Honest')).toMatchObject({
    outcome: { kind: 'succeeded' },
    points: { delivered: 1 },
  });
  expect(grownKb).toBeLessThan(GROWTH_KB);
  return run;
}

/** Has the kernel forget the worker's highest resident size so far, and tells the current one. */
function beginMeasuring(): number {
  writeFileSync(`/proc/${worker.pid}/clear_refs`, '5');
  return statusKb('VmRSS');
}

function statusKb(field: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${worker.pid}/status`, 'latin1');
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]);
}

describe('F32: a run', () => {
  it.each(['Loops', 'Sleeps', 'IgnoresTerm'])(
    'that never ends is killed at its time-out: %s',
    slow,
    async (name) => {
      const run = await runThenHonest(name);
      expect(run).toMatchObject({
        outcome: { kind: 'timed-out' },
        hint: 'killed: it took longer than its time-out of 3 s',
        points: { delivered: name === 'Loops' ? 1 : 0 },
      });
      expect(run.phases.runMs).toBeLessThan(TIMEOUT_MS + KILL_MS);
    },
  );

  it('that takes a gigabyte is killed for it', slow, async () => {
    const run = await runThenHonest('Grows');
    expect(run).toMatchObject({ outcome: { kind: 'killed', reason: 'memory' } });
    expect(run.hint).toBe('killed: used more than 128 MiB');
  });

  it('that prints a gigabyte is not held up; the first and last of it are kept', slow, async () => {
    const run = await runThenHonest('Prints');
    // on a slow machine its time is over before
    expect(['succeeded', 'timed-out']).toContain(run.outcome.kind);
    if (run.outcome.kind === 'succeeded') expect(run.stdoutBytes).toBe(1024 ** 3);
    expect(run.stdout.length).toBeLessThan(10_000);
  });

  it('that closes every descriptor has failed', slow, async () => {
    expect(await runThenHonest('ClosesAll')).toMatchObject({ outcome: { kind: 'failed', reason: 'died' } });
  });

  it('that starts a hundred thousand threads does not come far', slow, async () => {
    const run = await runThenHonest('Threads');
    if (run.outcome.kind === 'failed') expect(run.error?.message).toContain("can't start new thread");
    else expect(run.outcome).toEqual({ kind: 'killed', reason: 'processes' });
  });
});

describe('F33: a run whose result', () => {
  it.each([
    ['Truncated', 'ended'],
    ['Interleaved', ''],
    ['Giant', 'a frame of 4294967295 bytes, where 17825792 is the most'],
    ['JustTooLarge', 'a frame of 17825793 bytes, where 17825792 is the most'],
  ])('is no frame has failed for that: %s', slow, async (name, why) => {
    const run = await runThenHonest(name);
    expect(run).toMatchObject({ outcome: { kind: 'failed', reason: 'frame' } });
    expect(run.hint).toMatch(/^what it wrote to its result descriptor is not a report: /);
    expect(run.hint).toContain(why);
  });

  it('is a frame that never comes whole is killed at its time-out', slow, async () => {
    expect(await runThenHonest('NeverWhole')).toMatchObject({ outcome: { kind: 'timed-out' } });
  });

  it('was forged and then broken counts for what came whole', async () => {
    const forged = fleet.standin.points().filter(({ measurement }) => measurement === 'forged');
    expect(forged.length).toBe(0); // the pieces of Interleaved and Truncated never made one
  });
});
