import { readFile, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import type { RunRecord } from '@pythond/jobs';
import { describe, expect, it, vi } from 'vitest';
import { runCli } from '../support/cli.ts';
import { eventually as eventuallyWithin } from '../support/eventually.ts';
import { makeFleet, type TestFleet } from '../support/fleet.ts';
import { block, makeHome } from '../support/home.ts';

vi.setConfig({ testTimeout: 900_000, hookTimeout: 600_000 });

/** Ten times what a fail-over takes; reached only when something is broken. */
const RECOVERY_MS = 300_000;
const eventually = <T>(what: string, probe: () => T | Promise<T>) =>
  eventuallyWithin(what, probe, RECOVERY_MS);
const ID = 'r/r/r:Serves';

async function fleetWith(script: string, more = 'interval = "500ms"', env = {}) {
  const fleet = await makeFleet();
  await fleet.home.write({ 'conf.d/r.conf': block('r', ['r'], more), 'python.d/r/r.py': script });
  fleet.start('scheduler', env);
  return fleet;
}

/** A port that was free a moment ago, below those that connections get by themselves. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const stored = (fleet: TestFleet, measurement: string) =>
  fleet.standin.points().filter((point) => point.measurement === measurement);

const isResident = async (fleet: TestFleet, id = ID) =>
  eventually(`${id} to be a resident`, async () => (await fleet.view(id))?.record.resident);

const residentRuns = (fleet: TestFleet, least: number, id = ID): Promise<RunRecord[]> =>
  eventually(`${least} calls in a resident`, async () => {
    const all = (await fleet.runs(id)).filter(({ resident }) => resident);
    return all.length >= least ? all : null;
  });

/** The text that a collector's server answers with; null: it does not answer. */
const ask = async (port: number): Promise<string | null> => {
  try {
    const answer = await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(5_000) });
    return await answer.text();
  } catch {
    return null;
  }
};

const HEAD = `
import os
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

from datakit_framework import DataKitFramework


class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        body = ('%d' % os.getpid()).encode()
        self.send_response(200)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        COLLECTOR.feed_metric(measurement='asked', fields={'pid': os.getpid()})

    def log_message(self, *args):
        pass

COLLECTOR = DataKitFramework()
`;

const counting = `
from datakit_framework import DataKitFramework


class Serves(DataKitFramework):
    def __init__(self):
        super().__init__()
        self.calls = 0

    def run(self):
        self.calls += 1
        print('call', self.calls)
        if self.calls == 2:
            self.set_lasterror('serves', 'the second')
        self.feed_metric(measurement='calls', fields={'n': self.calls})
        if self.calls == 3:
            raise ValueError('the third')


class Other(DataKitFramework):
    def run(self):
        import os
        self.feed_metric(measurement='other', fields={'pid': os.getpid()})
`;

const RESIDENT = 'interval = "500ms"\n  isolation = "resident"';

describe('a resident', () => {
  it('keeps its process from one call of run() to the next, and goes on after one that raised', async () => {
    const fleet = await fleetWith(counting, RESIDENT);
    await fleet.startWorker();
    const runs = await residentRuns(fleet, 6);
    expect(runs.map(({ stdout }) => stdout).slice(0, 6)).toEqual(
      [1, 2, 3, 4, 5, 6].map((n) => `call ${n}\n`),
    );
    expect(runs.map(({ kind }) => kind).slice(0, 3)).toEqual(['first', 'grid', 'grid']);
    expect(runs[2]).toMatchObject({
      outcome: { kind: 'failed', reason: 'raised' },
      error: { type: 'ValueError', message: 'the third' },
      hint: 'run() raised ValueError: the third',
      points: { reported: 1, delivered: 1 },
    });
    expect(runs[3]?.outcome).toEqual({ kind: 'succeeded' });
    const told = await eventually('DataKit to be told of both', () => {
      const all = fleet.standin.lastErrors();
      return all.length >= 2 ? all : null;
    });
    expect(told.map(({ content }) => content).sort()).toEqual(['ValueError: the third', 'the second']);
    for (const run of runs.slice(1)) expect(run.dueMs).toBeLessThanOrEqual(run.startedMs);
    await residentRuns(fleet, 3, 'r/r/r:Other');
    expect(new Set(stored(fleet, 'other').map(({ fields }) => fields['pid'])).size).toBe(1);
    const times = stored(fleet, 'calls').map(({ time }) => time);
    expect(new Set(times).size).toBe(times.length);

    const counts = await eventually('counts that agree', async () => {
      const all = await fleet.counts(ID);
      const sum = (all['run'] ?? 0) + (all['skipped'] ?? 0) + (all['missed'] ?? 0);
      return all['due'] === sum ? all : null;
    });
    expect(counts['run']).toBeGreaterThanOrEqual(5);
    expect((await fleet.cli('show', 'Serves')).stdout).toMatch(
      /resident +isolation = "resident"; on .*taken up .* ago/,
    );
    expect((await fleet.cli('ls')).stdout).toContain('(resident)');
    const asked = await fleet.cli('run', 'Serves');
    expect(asked).toMatchObject({ code: 1 });
    expect(asked.stderr).toContain('is a resident');
  });

  it('delivers what run() reports while it goes on, and shows it as running', async () => {
    const script = `
import time
from datakit_framework import DataKitFramework


class Serves(DataKitFramework):
    def run(self):
        n = 0
        while True:
            n += 1
            self.feed_metric(measurement='beat', fields={'n': n})
            print('beat', n)
            time.sleep(0.2)
`;
    const fleet = await fleetWith(script, RESIDENT);
    const worker = await fleet.startWorker();
    const running = await eventually('it to be shown as running', async () => {
      const { running: record } = (await fleet.view(ID)) ?? {};
      return record && record.points.delivered >= 5 && stored(fleet, 'beat').length >= 5 ? record : null;
    });
    expect(running).toMatchObject({ outcome: { kind: 'running' }, resident: true, kind: 'first' });
    expect(running.stdout).toContain('beat 1\n');
    expect(await fleet.runs(ID)).toEqual([]);
    expect((await fleet.cli('show', 'Serves')).stdout).toMatch(/running/);
    await eventually('its ticks to be skipped', async () => ((await fleet.counts(ID))['skipped'] ?? 0) >= 3);
    const counts = await fleet.counts(ID);
    expect(counts['due']).toBe((counts['skipped'] ?? 0) + (counts['missed'] ?? 0));

    const accounts = async () => JSON.parse((await fleet.cli('ledger', '--json')).stdout).total;
    expect((await accounts()).counts.accepted).toBeGreaterThan(0); // while it goes on
    await worker.stop('SIGTERM');
    const [last] = await residentRuns(fleet, 1);
    expect(last).toMatchObject({ outcome: { kind: 'killed', reason: 'stopping' } });
    expect(last?.points.reported).toBe(last?.points.delivered);
    const beats = stored(fleet, 'beat').map(({ fields }) => Number(fields['n']));
    expect(beats).toEqual(beats.map((_, index) => index + 1));
    expect(beats.length).toBe(last?.points.delivered);
    expect(await accounts()).toMatchObject({
      counts: { emitted: beats.length, accepted: beats.length },
      unaccounted: 0,
    });
  });

  it('is replaced when its bundle changes, and ends when it is paused or removed', async () => {
    const version = (n: number) => `
from datakit_framework import DataKitFramework
class Serves(DataKitFramework):
    def run(self):
        self.feed_metric(measurement='version', fields={'n': ${n}})
`;
    const fleet = await fleetWith(version(1), RESIDENT);
    await fleet.startWorker();
    await eventually('version 1', () => stored(fleet, 'version').length >= 2);
    await fleet.home.write({ 'python.d/r/r.py': version(2) });
    await eventually('version 2', () => stored(fleet, 'version').some(({ fields }) => fields['n'] === 2));
    await fleet.home.write({ 'conf.d/r.conf': block('r', ['r'], `${RESIDENT}\n  paused = true`) });
    await eventually('nobody to hold it', async () => (await fleet.holder(ID)) === null);
    await fleet.home.write({ 'conf.d/r.conf': block('r', ['r'], 'interval = "500ms"\n  isolation = "run"') });
    await eventually('runs of its own', async () =>
      (await fleet.runs(ID)).some(({ resident }) => resident !== true),
    );
    const versions = stored(fleet, 'version').map(({ fields }) => Number(fields['n']));
    expect(versions).toEqual([...versions].sort());
  });

  it('is started again with back-off when it crashes, and says why', async () => {
    const script = `
import os, time
from datakit_framework import DataKitFramework

class Serves(DataKitFramework):
    def run(self):
        self.feed_metric(measurement='starts', fields={'pid': os.getpid()})
        time.sleep(0.1)
        os._exit(3)
`;
    const fleet = await fleetWith(script, RESIDENT);
    await Promise.all([fleet.startWorker(), fleet.startWorker()]);
    const runs = await residentRuns(fleet, 4);
    for (const run of runs) {
      expect(run).toMatchObject({ outcome: { kind: 'failed', reason: 'died' } });
      expect(run.hint).toContain('ended with exit code 3 before run() returned');
      expect(run.points).toMatchObject({ reported: 1, delivered: 1 });
    }
    const starts = runs.map(({ startedMs }) => startedMs);
    for (const [index, at] of starts.slice(1).entries()) {
      expect(at - (runs[index]?.endedMs ?? 0)).toBeGreaterThanOrEqual(500);
    }
    const { stdout } = await fleet.cli('show', 'Serves', '--json');
    const { residentProcess } = JSON.parse(stdout);
    expect(residentProcess.crashes).toBeGreaterThanOrEqual(3);
    expect(residentProcess.lastCrash.cause).toContain('exit code 3');
  });

  it('is recycled when it uses more memory than it may', async () => {
    const script = `
import time
from datakit_framework import DataKitFramework

class Serves(DataKitFramework):
    def __init__(self):
        self.held = []

    def run(self):
        self.feed_metric(measurement='grows', fields={'n': len(self.held)})
        self.held.append(bytearray(48 * 1024 * 1024))
`;
    const fleet = await fleetWith(script, `${RESIDENT}\n  memory = "128MiB"`);
    await fleet.startWorker();
    const killed = await eventually('it to be recycled', async () => {
      const all = await fleet.runs(ID);
      return all.find(({ outcome }) => outcome.kind === 'killed');
    });
    expect(killed).toMatchObject({ outcome: { kind: 'killed', reason: 'memory' } });
    expect(killed.hint).toBe('killed: used more than 128 MiB');
    const starts = () => stored(fleet, 'grows').filter(({ fields }) => Number(fields['n']) === 0).length;
    await eventually('it to have started again', () => starts() >= 2);
  });

  it('says why its class can not be built any more, and tries again until it can', async () => {
    const fleet = await makeFleet();
    const open = { PYTHOND_SANDBOX: 'none' }; // the file is out of a confined collector's reach
    const script = `
import os
from datakit_framework import DataKitFramework

AWAY = ${JSON.stringify(`${fleet.home.dir}/away`)}

class Serves(DataKitFramework):
    def __init__(self):
        super().__init__()
        if os.path.exists(AWAY):
            raise ConnectionError('no database')

    def run(self):
        self.feed_metric(measurement='up', fields={'n': 1})
        if os.path.exists(AWAY):
            os._exit(1)
`;
    await fleet.home.write({ 'conf.d/r.conf': block('r', ['r'], RESIDENT), 'python.d/r/r.py': script });
    fleet.start('scheduler', open);
    await fleet.startWorker(open);
    await residentRuns(fleet, 1);
    await fleet.home.write({ away: '' });
    const failed = await eventually('the failure', async () =>
      (await fleet.runs(ID)).find(
        ({ outcome }) => outcome.kind === 'failed' && outcome.reason === 'unavailable',
      ),
    );
    expect(failed).toMatchObject({
      error: { type: 'ConnectionError' },
      hint: 'ConnectionError: no database',
    });
    expect(failed.error?.traceback).toContain("raise ConnectionError('no database')");
    await rm(`${fleet.home.dir}/away`);
    const before = (await fleet.runs(ID)).length;
    await eventually('it to serve again', async () =>
      (await fleet.runs(ID)).slice(before).some(({ outcome }) => outcome.kind === 'succeeded'),
    );
  });
});

describe('a resident whose worker is gone', () => {
  it('says of every collector why the next worker can not start it', async () => {
    const open = { PYTHOND_SANDBOX: 'none' };
    const fleet = await fleetWith(counting, RESIDENT, open);
    const able = await fleet.startWorker(open);
    await residentRuns(fleet, 1);
    await able.stop('SIGTERM');
    await fleet.startWorker({ ...open, PATH: fleet.home.dir }); // it has no python3
    for (const id of [ID, 'r/r/r:Other']) {
      const record = await eventually(`the reason on ${id}`, async () =>
        (await fleet.runs(id)).find(
          ({ outcome }) => outcome.kind === 'failed' && outcome.reason === 'unavailable',
        ),
      );
      expect(record).toMatchObject({ resident: true, kind: 'first', points: { reported: 0 } });
      expect(record.hint).toContain('python3');
    }
  });

  const script = (port: number, file: string) => `${HEAD}

def say(what):
    descriptor = os.open(${JSON.stringify(file)}, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    os.write(descriptor, ('%s %d %d\\n' % (what, os.getpid(), time.time_ns())).encode())
    os.close(descriptor)


class Serves(DataKitFramework):
    def run(self):
        server = HTTPServer(('127.0.0.1', ${port}), Answer)  # a port that no two processes can have
        say('start')
        server.timeout = 0.1
        while True:
            server.handle_request()
            say('beat')
`;

  it.each(['SIGKILL', 'SIGTERM', 'SIGSTOP'] as const)(
    'is served elsewhere after %s, and never twice at once',
    async (signal) => {
      const port = await freePort();
      const fleet = await makeFleet();
      const file = `${fleet.home.dir}/beats.txt`;
      const open = { PYTHOND_SANDBOX: 'none' }; // the file is out of a confined collector's reach
      await fleet.home.write({
        'conf.d/r.conf': block('r', ['r'], RESIDENT),
        'python.d/r/r.py': script(port, file),
        'beats.txt': '',
      });
      fleet.start('scheduler', open);
      const workers = await Promise.all([fleet.startWorker(open), fleet.startWorker(open)]);
      const first = await eventually('it to answer', () => ask(port));
      // what its worker has not told of it yet, nobody can tell of it later
      await eventually('its call to be told of', async () => (await fleet.view(ID))?.running);
      const victim = await fleet.busyOf(ID, workers);
      const goneMs = Date.now();
      victim.process.kill(signal);
      const second = await eventually('it to answer again', async () => {
        const pid = await ask(port);
        return pid !== null && pid !== first ? pid : null;
      });
      console.log(`served again ${Date.now() - goneMs} ms after ${signal}`);
      const beats = (await readFile(file, 'utf8')).trim().split('\n');
      const pids = beats.map((line) => line.split(' ')[1]);
      const order = pids.filter((pid, index) => pid !== pids[index - 1]);
      expect(order).toEqual([first, second]); // no beat of the first after the second has started
      expect(beats.filter((line) => line.startsWith('start'))).toHaveLength(2);
      const ended = await residentRuns(fleet, 1);
      expect(ended[0]?.outcome.kind).toBe(signal === 'SIGTERM' ? 'killed' : 'lost');
      if (signal !== 'SIGSTOP') return;
      victim.process.kill('SIGCONT'); // it finds its lease gone, and its process too
      await eventually(
        'the end to be told as stale',
        async () => ((await fleet.counts(ID))['stale'] ?? 0) > 0,
      );
      expect(await ask(port)).toBe(second);
    },
  );
});

describe('a collector whose block leaves it open', () => {
  const becomes = async (script: string, code: string, more?: string) => {
    const fleet = await fleetWith(`${HEAD}\n${script}`, more);
    await fleet.startWorker();
    const reason = await isResident(fleet);
    expect(reason.code).toBe(code);
    return { fleet, reason };
  };
  const toldBy = async (fleet: TestFleet, message: string) => {
    const [first] = await eventually('its first record', async () => {
      const { running } = (await fleet.view(ID)) ?? {};
      const all = (await fleet.runs(ID)).filter(({ resident }) => resident);
      return all.length > 0 ? all : running ? [running] : null;
    });
    const warning = first?.warnings.find((one) => one.code === 'resident');
    expect(warning?.message).toContain(message);
    expect((await fleet.cli('show', 'Serves')).stdout.replaceAll(/\s+/g, ' ')).toContain(message);
  };

  it('becomes a resident when run() may not listen, and keeps serving', async () => {
    const port = await freePort();
    const { fleet, reason } = await becomes(
      `
class Serves(DataKitFramework):
    def run(self):
        HTTPServer(('127.0.0.1', ${port}), Answer).serve_forever()
`,
      'listen',
    );
    const pid = await eventually('it to answer', () => ask(port));
    for (let n = 0; n < 20; n += 1) expect(await ask(port)).toBe(pid);
    await eventually('its points', () => stored(fleet, 'asked').length >= 21);
    const [refused] = await fleet.runs(ID);
    expect(refused?.outcome).toEqual({ kind: 'failed', reason: 'raised' });
    expect(refused?.warnings).toMatchObject([{ code: 'becomes-resident' }]);
    await toldBy(fleet, reason.message);
  });

  it('becomes a resident when its constructor listens', async () => {
    const port = await freePort();
    const { fleet, reason } = await becomes(
      `
class Serves(DataKitFramework):
    def __init__(self):
        super().__init__()
        self.server = HTTPServer(('127.0.0.1', ${port}), Answer)

    def run(self):
        self.server.serve_forever()
`,
      'listen',
    );
    await eventually('it to answer', () => ask(port));
    expect(await fleet.runs(ID)).toEqual([]);
    await toldBy(fleet, reason.message);
  });

  it('is replaced by an edit though its constructor holds a port', async () => {
    const port = await freePort();
    const script = (version: number) => `${HEAD}

class Serves(DataKitFramework):
    def __init__(self):
        super().__init__()
        self.server = HTTPServer(('127.0.0.1', ${port}), Answer)

    def run(self):
        self.feed_metric(measurement='v${version}', fields={'n': 1})
        self.server.serve_forever()
`;
    const fleet = await fleetWith(script(1));
    await fleet.startWorker();
    const first = await eventually('it to answer', () => ask(port));
    await fleet.home.write({ 'python.d/r/r.py': script(2) });
    await eventually('the new version to serve', () => stored(fleet, 'v2').length > 0);
    expect(await eventually('it to answer', () => ask(port))).not.toBe(first);
  });

  const connects = (at: 'import' | 'constructor') => async () => {
    const connections: string[] = [];
    const server = createServer((socket) => {
      socket.on('data', (text) => connections.push(`${socket.remotePort} ${text}`));
      socket.on('error', () => undefined);
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    const connect = `socket.create_connection(('127.0.0.1', ${port}))`;
    const { fleet, reason } = await becomes(
      `
${at === 'import' ? `CONNECTION = ${connect}` : ''}

class Serves(DataKitFramework):
    def __init__(self):
        super().__init__()
        self.connection = ${at === 'import' ? 'CONNECTION' : connect}

    def run(self):
        self.connection.sendall(b'hello')
        self.feed_metric(measurement='sent', fields={'pid': os.getpid()})
`,
      'socket',
    );
    try {
      await eventually('five calls', () => stored(fleet, 'sent').length >= 5);
      expect(new Set(connections.map((line) => line.split(' ')[0])).size).toBe(1);
      expect(reason.message).toBe(
        `${at === 'import' ? 'importing python.d/r/r.py' : 'building Serves'} left a socket open`,
      );
      await toldBy(fleet, reason.message);
    } finally {
      server.close();
    }
  };
  it('becomes a resident when its import opens a connection', connects('import'));
  it('becomes a resident when its constructor opens a connection', connects('constructor'));

  it('becomes a resident when its import leaves a thread', async () => {
    const { fleet, reason } = await becomes(
      `
TICKS = 0

def tick():
    global TICKS
    while True:
        TICKS += 1
        time.sleep(0.05)

threading.Thread(target=tick, daemon=True).start()


class Serves(DataKitFramework):
    def run(self):
        self.feed_metric(measurement='ticks', fields={'n': TICKS})
`,
      'thread',
    );
    await eventually('the thread to be seen at work', () => {
      const seen = stored(fleet, 'ticks').map(({ fields }) => Number(fields['n']));
      return seen.length >= 3 && (seen.at(-1) ?? 0) > (seen[0] ?? 0);
    });
    await toldBy(fleet, reason.message);
  });

  it('becomes a resident when its constructor holds what no run can hand on', async () => {
    const { fleet, reason } = await becomes(
      `
import itertools

class Serves(DataKitFramework):
    def __init__(self):
        super().__init__()
        self.numbers = itertools.count(1)

    def run(self):
        self.feed_metric(measurement='numbers', fields={'n': next(self.numbers)})
`,
      'not-carried',
    );
    await eventually('three numbers', () => stored(fleet, 'numbers').length >= 3);
    const numbers = stored(fleet, 'numbers').map(({ fields }) => Number(fields['n']));
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
    await toldBy(fleet, reason.message);
  });

  it('becomes a resident when another of its module changes the same name', async () => {
    const { fleet, reason } = await becomes(
      `
TOTAL = 0

class Serves(DataKitFramework):
    def run(self):
        global TOTAL
        TOTAL += 1
        self.feed_metric(measurement='total', fields={'n': TOTAL})

class Other(DataKitFramework):
    def run(self):
        global TOTAL
        TOTAL += 1000
`,
      'shared-name',
    );
    await isResident(fleet, 'r/r/r:Other');
    await eventually('a total of both', () =>
      stored(fleet, 'total').some(({ fields }) => {
        const n = Number(fields['n']);
        return n > 1000 && n % 1000 !== 0;
      }),
    );
    await toldBy(fleet, reason.message);
  });

  it('becomes a resident when it was still reporting at its time-out twice', async () => {
    const { fleet, reason } = await becomes(
      `
class Serves(DataKitFramework):
    def run(self):
        while True:
            self.feed_metric(measurement='beat', fields={'pid': os.getpid()})
            time.sleep(0.1)
`,
      'still-reporting',
      'interval = "1s"\n  timeout = "2s"',
    );
    const timedOut = (await fleet.runs(ID)).filter(({ resident }) => !resident);
    expect(timedOut.length).toBeGreaterThanOrEqual(2);
    expect(timedOut.every(({ outcome }) => outcome.kind === 'timed-out')).toBe(true);
    await eventually('one process for longer than its time-out', async () => {
      const { running } = (await fleet.view(ID)) ?? {};
      return running && running.phases.runMs > 4_000;
    });
    await toldBy(fleet, reason.message);
  });

  it('stays with runs when the block says so, whatever it leaves', async () => {
    const fleet = await fleetWith(
      `${HEAD}
threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()

class Serves(DataKitFramework):
    isolation = 'resident'

    def run(self):
        self.feed_metric(measurement='runs', fields={'pid': os.getpid()})
`,
      'interval = "500ms"\n  isolation = "run"',
    );
    await fleet.startWorker();
    await eventually('five runs', () => stored(fleet, 'runs').length >= 5);
    expect((await fleet.view(ID))?.record).toMatchObject({ isolation: 'run', resident: null });
    const pids = stored(fleet, 'runs').map(({ fields }) => fields['pid']);
    expect(new Set(pids).size).toBe(pids.length);
  });

  it('is asked by its class', async () => {
    const fleet = await fleetWith(`${HEAD}
class Serves(DataKitFramework):
    isolation = 'resident'

    def run(self):
        self.feed_metric(measurement='runs', fields={'pid': os.getpid()})

class Other(DataKitFramework):
    def run(self):
        self.feed_metric(measurement='others', fields={'pid': os.getpid()})
`);
    await fleet.startWorker();
    await isResident(fleet);
    await residentRuns(fleet, 3);
    await eventually('three of the other', () => stored(fleet, 'others').length >= 3);
    expect(new Set(stored(fleet, 'runs').map(({ fields }) => fields['pid'])).size).toBe(1);
    expect((await fleet.view('r/r/r:Other'))?.record.resident).toBe(null);
  });

  it('is decided anew for a new bundle', async () => {
    const leaves = `${HEAD}\nthreading.Thread(target=time.sleep, args=(3600,), daemon=True).start()\n`;
    const plain = `
class Serves(DataKitFramework):
    def run(self):
        self.feed_metric(measurement='runs', fields={'pid': os.getpid()})
`;
    const fleet = await fleetWith(leaves + plain);
    await fleet.startWorker();
    await isResident(fleet);
    await residentRuns(fleet, 2);
    await fleet.home.write({ 'python.d/r/r.py': HEAD + plain });
    await eventually('it to be no resident any more', async () => {
      const view = await fleet.view(ID);
      return view !== null && view.record.resident === null;
    });
    await eventually('a run', async () => (await fleet.runs(ID)).some(({ resident }) => !resident));
  });
});

describe('a server in run(), outside of the fleet', () => {
  const server = (port: number) => `${HEAD}
class Serves(DataKitFramework):
    def run(self):
        self.feed_metric(measurement='up', fields={'n': 1})
        HTTPServer(('127.0.0.1', ${port}), Answer).serve_forever()
`;
  const homeOf = async (more: string) =>
    makeHome({
      'conf.d/r.conf': block('r', ['r'], `timeout = "2s"\n  ${more}`),
      'python.d/r/r.py': server(await freePort()),
    });

  it('has succeeded for `check` when it has reported, and is said to go on', async () => {
    const home = await homeOf('');
    const { code, stdout } = await runCli(['check', '--json', '--home', home.dir]);
    const [collector] = JSON.parse(stdout).collectors;
    await home.remove();
    expect(code).toBe(0);
    expect(collector).toMatchObject({ outcome: 'succeeded', hint: null });
    expect(collector.warnings).toMatchObject([{ code: 'still-running' }]);
    expect(collector.reports).toHaveLength(1);
  });

  it('fails `check` where the block wants runs', async () => {
    const home = await homeOf('isolation = "run"');
    const { code, stdout } = await runCli(['check', '--json', '--home', home.dir]);
    const [collector] = JSON.parse(stdout).collectors;
    await home.remove();
    expect(code).toBe(1);
    expect(collector.outcome).toBe('failed');
    expect(collector.hint).toContain('accepting connections');
  });

  it('is over for `up --once` at its time-out', async () => {
    const home = await homeOf('');
    const fleet = await makeFleet();
    const env = { DATAKIT_URL: fleet.standin.url };
    const { code, stdout, stderr } = await runCli(['up', '--once', '--home', home.dir], { env });
    await home.remove();
    expect(`${code} ${stdout}${stderr}`).toMatch(/^0 /);
    expect(stored(fleet, 'up').length).toBeGreaterThanOrEqual(2); // of the run, and of the resident
  });
});
