import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { RunRecord } from '@pythond/jobs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { makeFleet, type TestFleet } from '../support/fleet.ts';
import { block } from '../support/home.ts';
import { findProcess } from '../support/processes.ts';
import { openBlock } from '../support/tally.ts';

const slow = { timeout: 600_000 };
/** All of a file's tests share one fleet; its collectors are paused, so that they run by hand only. */
const paused = 'paused = true';

let fleet: TestFleet;
const atEnd: (() => Promise<void>)[] = [];

beforeAll(async () => {
  fleet = await makeFleet({ standin: { maxPoints: 400_000 }, atEnd: (stop) => atEnd.unshift(stop) });
  await fleet.home.write({
    'conf.d/limits.conf': [
      openBlock('hang', ['hang'], `${paused}\ntimeout = 5`),
      block('loud', ['loud'], paused),
      block('many', ['many'], paused),
      block('ends', ['ends'], paused),
      openBlock('pair', ['pair'], paused),
    ].join('\n'),
    'python.d/hang/hang.py': hanging(path.join(fleet.home.dir, 'pids')),
    'python.d/loud/loud.py': loud,
    'python.d/many/many.py': many,
    'python.d/ends/ends.py': ends,
    'python.d/pair/pair.py': pair(),
  });
  await fleet.startWorker();
  fleet.start('scheduler');
  await eventually('all collectors', async () => (await fleet.collectors.ids()).length === 16);
});

afterAll(async () => {
  for (const stop of atEnd) await stop();
});

describe('a collector that hangs', () => {
  it('is killed at its time-out with everything that it started', slow, async () => {
    const run = await fleet.run('hang:Hangs');
    expect(run).toMatchObject({
      outcome: { kind: 'timed-out' },
      hint: 'killed: it took longer than its time-out of 5 s',
      points: { reported: 1, delivered: 1 },
    });
    const pids = await pidsOf('Hangs');
    // itself, a child that ignores SIGTERM, a grandchild in a session of its own
    expect(Object.keys(pids).sort()).toEqual(['child', 'grandchild', 'self']);
    expect(Object.values(pids).filter((pid) => findProcess(pid))).toEqual([]);
  });

  it(
    'is given the time to tidy up, when it heeds SIGTERM, and has timed out all the same',
    slow,
    async () => {
      const run = await fleet.run('hang:TidiesUp');
      expect(run).toMatchObject({ outcome: { kind: 'timed-out' }, stdout: 'tidied up\n' });
    },
  );

  it('leaves nothing running behind when it ends by itself, either', slow, async () => {
    const run = await fleet.run('hang:LeavesChildren');
    expect(run).toMatchObject({ outcome: { kind: 'succeeded' }, points: { delivered: 1 } });
    const pids = await pidsOf('LeavesChildren');
    expect(Object.keys(pids).sort()).toEqual(['child', 'grandchild', 'self']);
    expect(Object.values(pids).filter((pid) => findProcess(pid))).toEqual([]);
  });
});

describe('a collector that prints 10 MB', () => {
  it('is not held up, and the first and last of it are kept', slow, async () => {
    const run = await fleet.run('loud:Loud');
    expect(run).toMatchObject({
      outcome: { kind: 'succeeded' },
      points: { delivered: 1 },
      stdoutBytes: 10_000_000,
      stderrBytes: 10_000_000,
    });
    // the record holds the end of it, the long form beside it the beginning and the end
    expect([run.stdout.length, shortened(run.stdout)]).toEqual([4_097, '…o⋯']);
    expect([run.stderr.length, shortened(run.stderr)]).toEqual([4_097, '…e⋯']);
    const output = await fleet.collectors.output(run.collector as never, run.id);
    expect(shortened(output?.stdout ?? '')).toMatch(/^first\no⋯\n\W*\d[\d,]* bytes .*\no⋯$/);
    expect(output?.stdout.length).toBeGreaterThan(250_000);
    expect(output?.stdout.length).toBeLessThan(300_000);
  });
});

describe('a report of very many points', () => {
  it('arrives whole when it is of 100,000', slow, async () => {
    const run = await fleet.run('many:Allowed');
    expect(run).toMatchObject({
      outcome: { kind: 'succeeded' },
      points: { reported: 100_000, delivered: 100_000, queued: 0, dead: 0 },
      warnings: [],
    });
    const stored = fleet.standin.points().filter(({ measurement }) => measurement === 'Allowed');
    expect(stored).toHaveLength(100_000);
    expect(new Set(stored.map(({ fields }) => fields['n'])).size).toBe(100_000);
    // a hundred thousand samples of one series, and each has a time of its own
    expect(new Set(stored.map(({ time }) => time)).size).toBe(100_000);
  });

  it(
    'is killed with a clear reason when it is of one more, and what it reported before counts',
    slow,
    async () => {
      const run = await fleet.run('many:TooMany');
      expect(run).toMatchObject({
        outcome: { kind: 'killed', reason: 'points-limit' },
        hint: 'killed: it reported more than 100,000 points',
        points: { queued: 0, dead: 0 },
      });
      expect(run.points.delivered).toBe(run.points.reported);
      const stored = fleet.standin.points().filter(({ measurement }) => measurement === 'TooMany');
      expect(stored).toHaveLength(run.points.delivered);
    },
  );

  it('is killed with a clear reason when it is of more than 16 MiB', slow, async () => {
    const run = await fleet.run('many:TooLarge');
    expect(run).toMatchObject({
      outcome: { kind: 'killed', reason: 'result-limit' },
      hint: 'killed: it reported more than 16 MiB',
    });
  });
});

describe('a run that ends otherwise than by returning', () => {
  it('keeps the traceback of what it raised, and `show` shows it', slow, async () => {
    const run = await fleet.run('ends:Raises');
    expect(run).toMatchObject({
      outcome: { kind: 'failed', reason: 'raised' },
      hint: 'run() raised ValueError: no such thing',
      points: { delivered: 1 },
      error: { type: 'ValueError', message: 'no such thing' },
    });
    const { stdout, code } = await fleet.cli('show', 'Raises');
    expect(code).toBe(0);
    expect(stdout).toContain('run() raised ValueError: no such thing');
    expect(stdout).toMatch(/Traceback \(most recent call last\):\n.*ends\.py", line \d+, in run\n/);
    expect(stdout).toContain('raise ValueError("no such thing")');
    const { runs } = JSON.parse((await fleet.cli('show', 'Raises', '--json')).stdout) as {
      runs: RunRecord[];
    };
    expect(runs[0]).toEqual(run);
    const told = () => fleet.standin.lastErrors().find(({ input }) => input.includes('ends:Raises'));
    expect(await eventually('DataKit to be told', told)).toMatchObject({
      content: 'ValueError: no such thing',
    });
  });

  it('by sys.exit: has failed, with the place where it did', slow, async () => {
    const run = await fleet.run('ends:Exits');
    expect(run).toMatchObject({
      outcome: { kind: 'failed', reason: 'raised' },
      error: { type: 'SystemExit', message: '3' },
      points: { delivered: 1 },
    });
    expect(run.error?.traceback).toMatch(/ends\.py", line \d+, in run/);
  });

  it('by os._exit: has died, and what it had reported is delivered', slow, async () => {
    const run = await fleet.run('ends:Vanishes');
    expect(run).toMatchObject({
      outcome: { kind: 'failed', reason: 'died' },
      hint: 'its process ended with exit code 4 before run() returned',
      points: { reported: 1, delivered: 1 },
    });
  });

  it('by a signal: has died of it', slow, async () => {
    const run = await fleet.run('ends:Segfaults');
    expect(run).toMatchObject({
      outcome: { kind: 'failed', reason: 'died' },
      hint: 'its process was ended by SIGSEGV before run() returned',
    });
  });

  it('by closing every descriptor: has failed, and the next run of its host goes well', slow, async () => {
    const run = await fleet.run('ends:ClosesAll');
    expect(run.outcome.kind).toBe('failed');
    expect(run.hint).toBeTruthy();
    expect(await fleet.run('ends:Honest')).toMatchObject({
      outcome: { kind: 'succeeded' },
      points: { delivered: 1 },
    });
  });
});

describe('collectors of one input', () => {
  it('run at once', slow, async () => {
    const [left, right] = await Promise.all([fleet.run('pair:Left'), fleet.run('pair:Right')]);
    // each waits for the other to be there
    expect([left.outcome.kind, right.outcome.kind]).toEqual(['succeeded', 'succeeded']);
  });

  it('are never run beside themselves', slow, async () => {
    await fleet.tally.holdRuns();
    const first = fleet.run('pair:Alone');
    await fleet.tally.untilHeld('Alone');
    const second = await fleet.cli('run', 'pair:Alone', '--json');
    expect(second).toMatchObject({ code: 1, stdout: '' });
    expect(second.stderr).toContain('pair/pair/pair:Alone is running already');
    await fleet.tally.letGo();
    expect((await first).outcome.kind).toBe('succeeded');
  });
});

/** With long repetitions of a letter as one: a failure that shows megabytes helps nobody. */
function shortened(text: string): string {
  return text.replace(/(o|e){100,}/g, '$1⋯').slice(0, 200);
}

async function pidsOf(collector: string): Promise<Record<string, number>> {
  const text = await readFile(path.join(fleet.home.dir, `pids-${collector}`), 'utf8');
  return Object.fromEntries(
    text
      .trim()
      .split('\n')
      .map((line) => line.split(' '))
      .map(([name = '', pid = '']) => [name, Number(pid)]),
  );
}

/** Python that starts a family and writes down its pids; the hang is in what the family does. */
function hanging(pids: string): string {
  return `
import os
import signal
import sys
import time

from datakit_framework import DataKitFramework


def note(collector, name):
    file = ${JSON.stringify(pids)} + '-' + type(collector).__name__
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(descriptor, ('%s %d\\n' % (name, os.getpid())).encode())
    os.close(descriptor)


def start_family(collector):
    """A child that ignores SIGTERM; below it, orphaned, a grandchild in a session of its own."""
    ready, tell = os.pipe()
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                note(collector, 'grandchild')
                os.write(tell, b'g')
                time.sleep(3600)
            os._exit(0)
        os.wait()
        note(collector, 'child')
        os.write(tell, b'c')
        time.sleep(3600)
    told = b''
    while len(told) < 2:
        told += os.read(ready, 2)
    note(collector, 'self')


class Hangs(DataKitFramework):
    def run(self):
        self.feed_metric(measurement='Hangs', fields={'n': 1})
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        start_family(self)
        time.sleep(3600)


class TidiesUp(DataKitFramework):
    def run(self):
        def tidy(*_):
            print('tidied up', flush=True)
            sys.exit(0)
        signal.signal(signal.SIGTERM, tidy)
        time.sleep(3600)


class LeavesChildren(DataKitFramework):
    def run(self):
        start_family(self)
        self.feed_metric(measurement='LeavesChildren', fields={'n': 1})
`;
}

const loud = `
import sys

from datakit_framework import DataKitFramework


class Loud(DataKitFramework):
    def run(self):
        sys.stdout.write('first\\n' + 'o' * (10000000 - 6))
        sys.stderr.write('e' * 10000000)
        self.feed_metric(measurement='Loud', fields={'n': 1})
`;

const many = `
from datakit_framework import DataKitFramework


class Many(object):
    def report_many(self, count):
        name = type(self).__name__
        self.report({
            'M': [{'measurement': name, 'tags': {'t': 'x'}, 'fields': {'n': n}} for n in range(count)],
            'input': 'many',
        })


class Allowed(Many, DataKitFramework):
    def run(self):
        self.report_many(100000)


class TooMany(Many, DataKitFramework):
    def run(self):
        self.report_many(1000)
        self.report_many(100000)


class TooLarge(DataKitFramework):
    def run(self):
        for n in range(40):
            self.feed_logging(source='TooLarge', message='x' * 1000000, fields={'n': n})
`;

const ends = `
import os
import signal
import sys

from datakit_framework import DataKitFramework


class Base(object):
    def tell(self):
        self.feed_metric(measurement=type(self).__name__, fields={'n': 1})


class Honest(Base, DataKitFramework):
    def run(self):
        self.tell()


class Raises(Base, DataKitFramework):
    def run(self):
        self.tell()
        raise ValueError("no such thing")


class Exits(Base, DataKitFramework):
    def run(self):
        self.tell()
        sys.exit(3)


class Vanishes(Base, DataKitFramework):
    def run(self):
        self.tell()
        os._exit(4)


class Segfaults(DataKitFramework):
    def run(self):
        os.kill(os.getpid(), signal.SIGSEGV)


class ClosesAll(Base, DataKitFramework):
    def run(self):
        os.closerange(0, 4096)
        self.tell()
`;

const pair = () => `${fleet.tally.python}

def has_come(name):
    with open(${JSON.stringify(fleet.tally.file)}) as lines:
        return any(line.startswith(name + ' start ') for line in lines)


class Meets(object):
    def run(self):
        say(self, 'start')
        while not has_come(self.other):
            time.sleep(0.02)


class Left(Meets, DataKitFramework):
    other = 'Right'


class Right(Meets, DataKitFramework):
    other = 'Left'


class Alone(DataKitFramework):
    def run(self):
        say(self, 'start')
        wait_while_held()
`;
