import { rename, rm } from 'node:fs/promises';
import path from 'node:path';
import type { RunRecord } from '@pythond/jobs';
import { Fleet, Inputs } from '@pythond/registry';
import { describe, expect, it } from 'vitest';
import type { RunningCli } from '../support/cli.ts';
import { eventually as eventuallyWithin } from '../support/eventually.ts';
import { makeFleet, type TestFleet } from '../support/fleet.ts';
import { openBlock } from '../support/tally.ts';

const PATIENCE_MS = 300_000;
const slow = { timeout: 900_000 };

const eventually = <T>(what: string, probe: () => T | Promise<T>) =>
  eventuallyWithin(what, probe, PATIENCE_MS);

/** Prints what it is, so that every run's record says which code ran. */
const speaker = (says: string, name = 'One') => `from datakit_framework import DataKitFramework


class ${name}(DataKitFramework):
    interval = 0.5

    def run(self):
        print(${JSON.stringify(says)})
`;

const saidBy = ({ stdout }: RunRecord) => stdout.trim();

interface Running {
  readonly fleet: TestFleet;
  readonly inputs: Inputs;
  readonly scheduler: RunningCli;
  readonly workers: readonly RunningCli[];
}

/** Two inputs on one scheduler and two workers, both of which have run the first. */
async function startFleet(onTestFinished: (stop: () => Promise<void>) => void): Promise<Running> {
  const fleet = await makeFleet({ atEnd: onTestFinished });
  await fleet.home.write({
    'conf.d/a.conf': openBlock('a', ['a']),
    'conf.d/b.conf': openBlock('b', ['b']),
    'python.d/a/a.py': speaker('first'),
    'python.d/a/two.py': speaker('two', 'Two'),
    'python.d/b/b.py': speaker('beside'),
  });
  const scheduler = fleet.start('scheduler');
  const workers = await Promise.all([fleet.startWorker(), fleet.startWorker()]);
  const running = { fleet, inputs: new Inputs(fleet.redis), scheduler, workers };
  await untilBothRan(running, 'first', 0);
  return running;
}

async function workerNames({ fleet, workers }: Running): Promise<string[]> {
  return Promise.all(workers.map(async (worker) => (await fleet.workerOf(worker))?.name ?? ''));
}

/** Waits until each worker has run it saying this, since a moment. */
async function untilBothRan(running: Running, says: string, sinceMs: number): Promise<void> {
  await eventually(`both workers to say ${says}`, async () => {
    const names = await workerNames(running);
    const runs = await running.fleet.runs('a/a/a:One');
    const by = new Set(
      runs.filter((run) => run.startedMs > sinceMs && saidBy(run) === says).map(({ worker }) => worker),
    );
    if (names.every((name) => by.has(name))) return true;
    throw new Error(`only ${[...by].join(', ')}: ${running.scheduler.stdout().slice(-2_000)}`);
  });
}

const inForce = async ({ inputs }: Running, input: string) => (await inputs.rollout(input))?.inForce ?? null;

/** Waits until a version is in force, and gives when its roll-out says that it took over. */
async function untilInForce({ inputs, scheduler }: Running, input: string, number: number): Promise<number> {
  return eventually(`version ${number} of ${input}`, async () => {
    const rollout = await inputs.rollout(input);
    const version = rollout?.versions.find((one) => one.number === number);
    if (rollout?.inForce === number && version?.tookOverMs) return version.tookOverMs;
    throw new Error(`${JSON.stringify(rollout?.versions)}; ${scheduler.stdout().slice(-2_000)}`);
  });
}

const problems = async ({ fleet }: Running) =>
  (await new Fleet(fleet.redis).problems()).map(({ code, text }) => `${code} ${text}`);

/** Runs of ticks that were due at or after a moment: whatever took over before it was known to who took them. */
async function runsSince({ fleet }: Running, id: string, sinceMs: number): Promise<RunRecord[]> {
  return (await fleet.runs(id)).filter(({ dueMs }) => dueMs >= sinceMs);
}

/** Saves as most editors do: beside it, then over it. */
async function saveOver({ fleet }: Running, file: string, text: string): Promise<void> {
  await fleet.home.write({ [`${file}.new~`]: text });
  await rename(path.join(fleet.home.dir, `${file}.new~`), path.join(fleet.home.dir, file));
}

describe.concurrent('an edit under a running fleet of two workers', () => {
  it(
    'reaches both at the first tick after it took over, and no other input',
    slow,
    async ({ onTestFinished }) => {
      const running = await startFleet(onTestFinished);
      const { fleet } = running;
      await saveOver(running, 'python.d/a/a.py', speaker('second'));
      const tookOverMs = await untilInForce(running, 'a', 2);
      await untilBothRan(running, 'second', tookOverMs);
      const after = await runsSince(running, 'a/a/a:One', tookOverMs);
      expect(new Set(after.map(saidBy))).toEqual(new Set(['second']));
      expect(await inForce(running, 'b')).toBe(1);
      expect(await fleet.counts('a/a/a:One')).not.toHaveProperty('failed');
      expect(await problems(running)).toEqual([]);

      // a changed interval and a changed name of the class: the same collector, on a grid of its own
      await fleet.home.write({
        'python.d/a/a.py': speaker('third').replace('interval = 0.5', "interval = 0.7\n    name = 'Another'"),
      });
      const third = await untilInForce(running, 'a', 3);
      await untilBothRan(running, 'third', third);
      const view = await fleet.view('a/a/a:One');
      expect(view?.record).toMatchObject({ everyMs: 700, name: 'Another', inputNumber: 3 });
      // the schedule follows the take-over, so that a tick of the old grid may still come in between
      await eventually('its schedule to be the new one', async () =>
        [...(await fleet.ticks.stored()).values()].some(({ everyMs }) => everyMs === 700),
      );
      const movedMs = Date.now();
      const grid = await eventually('ticks of the new grid', async () => {
        const since = await runsSince(running, 'a/a/a:One', movedMs);
        const own = since.filter(({ kind }) => kind === 'grid');
        return own.length >= 3 ? own : null;
      });
      expect(new Set(grid.map(({ dueMs }) => dueMs % 700))).toEqual(new Set([view?.record.offsetMs]));
    },
  );

  it('stops nothing when it is a mistake; the fix rolls out', slow, async ({ onTestFinished }) => {
    const running = await startFleet(onTestFinished);
    const { fleet, inputs } = running;
    await saveOver(running, 'python.d/a/a.py', `${speaker('broken')}\n    def (:\n`);
    const held = await eventually('version 2 to be held back', async () =>
      (await inputs.rollout('a'))?.versions.find(({ state }) => state === 'held'),
    );
    expect(held).toMatchObject({ number: 2, held: { reasons: [{ module: 'a', type: 'SyntaxError' }] } });
    const said = await eventually('the problem to be shown', async () =>
      (await problems(running)).find((text) => text.startsWith('held-back')),
    );
    expect(said).toContain('a: version 2 is held back, and version 1 goes on: module a: SyntaxError');
    const sinceMs = Date.now();
    await untilBothRan(running, 'first', sinceMs);
    await eventually(
      'its neighbour in the module folder to go on',
      async () => (await runsSince(running, 'a/a/two:Two', sinceMs)).length >= 2,
    );
    expect(await fleet.counts('a/a/a:One')).not.toHaveProperty('failed');

    const shown = await fleet.cli('show', 'a/a/a:One');
    expect(shown.stdout).toContain('version 2 is held back');
    const table = (await fleet.cli('rollout', 'ls')).stdout
      .split('\n')
      .filter((line) => !line.startsWith('✗'));
    expect(table[0]).toMatch(/^INPUT +VERSION +STATE/);
    expect(table.filter((line) => line.length > 80)).toEqual([]);
    const listed = await fleet.cli('rollout', 'ls', '--json');
    expect(JSON.parse(listed.stdout)).toMatchObject({
      inputs: [
        { input: 'a', inForce: 1, newest: 2, state: 'held' },
        { input: 'b', inForce: 1 },
      ],
    });

    await saveOver(running, 'python.d/a/a.py', speaker('mended'));
    await untilBothRan(running, 'mended', await untilInForce(running, 'a', 3));
    await eventually('the problem to be gone', async () => (await problems(running)).length === 0);
  });

  it(
    'ends what it removes, at once, and keeps what a broken conf file asked for',
    slow,
    async ({ onTestFinished }) => {
      const running = await startFleet(onTestFinished);
      const { fleet } = running;
      await rm(path.join(fleet.home.dir, 'python.d/a/two.py'));
      await eventually('the collector to be gone', async () => (await fleet.view('a/a/two:Two')) === null);
      expect(await fleet.view('a/a/a:One')).not.toBeNull();

      await fleet.home.write({ 'conf.d/b.conf': 'inputs.pythond = [', 'conf.d/a.conf': '' });
      await eventually('the other to be gone', async () => (await fleet.view('a/a/a:One')) === null);
      expect((await problems(running)).join()).toContain('conf.d/b.conf');
      const sinceMs = Date.now();
      await eventually(
        'the one of the broken file to go on',
        async () => (await runsSince(running, 'b/b/b:One', sinceMs)).length >= 2,
      );
      await eventually('its schedule alone', async () => (await fleet.ticks.stored()).size === 1);

      await rm(path.join(fleet.home.dir, 'conf.d/b.conf'));
      await eventually('all schedules to be gone', async () => (await fleet.ticks.stored()).size === 0);
      expect(await fleet.collectors.ids()).toEqual([]);
      expect((await fleet.runs('b/b/b:One')).length).toBeGreaterThan(0); // the history stays

      // when it comes back, it is no earlier version of itself
      await fleet.home.write({ 'conf.d/a.conf': openBlock('a', ['a']), 'python.d/a/a.py': speaker('again') });
      const sinceBackMs = Date.now();
      await untilBothRan(running, 'again', sinceBackMs);
      const after = await runsSince(running, 'a/a/a:One', sinceBackMs);
      expect(new Set(after.map(saidBy))).toEqual(new Set(['again']));
    },
  );

  it('is taken back, and taken as it is, by hand', slow, async ({ onTestFinished }) => {
    const running = await startFleet(onTestFinished);
    const { fleet } = running;
    await fleet.home.write({ 'python.d/a/a.py': speaker('worse') });
    await untilBothRan(running, 'worse', await untilInForce(running, 'a', 2));

    const back = await fleet.cli('rollout', 'rollback', 'a', '--json');
    expect(JSON.parse(back.stdout)).toMatchObject({ input: 'a', number: 3, from: 1 });
    await untilBothRan(running, 'first', await untilInForce(running, 'a', 3));

    // the files did not change, so what was taken back stays taken back, also over a restart
    await running.scheduler.stop('SIGTERM');
    const second = fleet.start('scheduler');
    await eventually('the home to be read', () => second.stdout().includes('"kind":"home-read"'));
    expect(await inForce(running, 'a')).toBe(3);

    await fleet.home.write({ 'python.d/a/two.py': 'import no_such_module\n' });
    await eventually('version 4 to be held back', async () => {
      const version = (await running.inputs.rollout('a'))?.versions[0];
      return version?.number === 4 && version.state === 'held';
    });
    const taken = await fleet.cli('rollout', 'promote', 'a');
    expect(taken.stdout).toContain('version 4');
    await untilBothRan(running, 'worse', await untilInForce(running, 'a', 4));
    expect(await fleet.view('a/a/two:Two')).toBeNull();
  });
});

describe('a Redis that is flushed under a running fleet', () => {
  it(
    'gets everything back, and no worker runs what was in force before under the same number',
    slow,
    async ({ onTestFinished }) => {
      const running = await startFleet(onTestFinished);
      const { fleet } = running;
      await fleet.home.write({ 'python.d/a/a.py': speaker('second') });
      await untilBothRan(running, 'second', await untilInForce(running, 'a', 2));
      await fleet.redis.flushall();
      const sinceMs = Date.now();
      await untilBothRan(running, 'second', sinceMs);
      await untilInForce(running, 'a', 3);
      await untilInForce(running, 'b', 2);
      const after = await runsSince(running, 'a/a/a:One', sinceMs);
      expect(new Set(after.map(saidBy))).toEqual(new Set(['second']));
      await eventually('the other to go on', async () => (await fleet.runs('b/b/b:One')).length > 0);
    },
  );
});

describe('a home whose file system tells nothing', () => {
  it('is looked through', slow, async ({ onTestFinished }) => {
    const fleet = await makeFleet({ atEnd: onTestFinished });
    await fleet.home.write({
      'conf.d/a.conf': openBlock('a', ['a']),
      'python.d/a/a.py': speaker('first'),
      'pythond.toml': 'watch = "poll"\npoll_interval = "1s"\n',
    });
    const scheduler = fleet.start('scheduler');
    const running = {
      fleet,
      inputs: new Inputs(fleet.redis),
      scheduler,
      workers: [await fleet.startWorker()],
    };
    await untilBothRan(running, 'first', 0);
    await fleet.home.write({ 'python.d/a/a.py': speaker('second') });
    await untilBothRan(running, 'second', await untilInForce(running, 'a', 2));
  });
});
