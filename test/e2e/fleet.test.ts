import { type CollectorId, offsetMs, type RunRecord, schedulerId } from '@pythond/jobs';
import { Inputs, keys } from '@pythond/registry';
import { describe, expect, it } from 'vitest';
import type { RunningCli } from '../support/cli.ts';
import { eventually as eventuallyWithin } from '../support/eventually.ts';
import { makeFleet, type TestFleet } from '../support/fleet.ts';
import { living, treeOf, untilGone } from '../support/processes.ts';
import { openBlock, type Tally, type TallyLine } from '../support/tally.ts';

/** A lease and a lock live for 15 s, stalled jobs are looked for every 5 s: ten times the 30 s that are promised. */
const PATIENCE_MS = 300_000;
const slow = { timeout: 900_000 };

/** Reports its pid, and tells the tally. */
const counter = (tally: Tally, ...names: string[]) =>
  names.reduce(
    (text, name) => `${text}

class ${name}(DataKitFramework):
    def run(self):
        say(self, 'start')
        self.feed_metric(measurement=type(self).__name__, fields={'pid': os.getpid()})
        say(self, 'end')
`,
    tally.python,
  );

/** Goes on for as long as the hold is there. */
const holder = (tally: Tally, name = 'Holder') => `${tally.python}

class ${name}(DataKitFramework):
    def run(self):
        say(self, 'start')
        wait_while_held()
        self.feed_metric(measurement=type(self).__name__, fields={'pid': os.getpid()})
        say(self, 'end')
`;

const MANY = 24;

/** Says every now and then that it is alive while it is held. */
const beating = (tally: Tally, names: readonly string[]) =>
  names.reduce(
    (text, name) => `${text}

class ${name}(DataKitFramework):
    def run(self):
        say(self, 'start')
        self.feed_metric(measurement='before_${name}', fields={'a': 1})
        while os.path.exists(${JSON.stringify(tally.hold)}):
            say(self, 'on')
            time.sleep(0.1)
        self.feed_metric(measurement='after', fields={'pid': os.getpid()})
        say(self, 'end')
`,
    tally.python,
  );

const eventually = <T>(what: string, probe: () => T | Promise<T>) =>
  eventuallyWithin(what, probe, PATIENCE_MS);

const isGrid = ({ kind }: RunRecord) => kind === 'grid';

/** The time that a metric without one of its own gets: its tick's, unless the run came too late for that. */
const timeOf = ({ dueMs, phases: { lagMs } }: RunRecord, everyMs: number) =>
  `${lagMs < everyMs ? dueMs : dueMs + lagMs}000000`;

const storedTimes = (fleet: TestFleet, measurement: string) =>
  fleet.standin
    .points()
    .filter((point) => point.measurement === measurement)
    .map(({ time }) => time)
    .sort();

/** Every grid tick is in the counts once, whatever became of it. */
function expectTicksToAddUp(counts: Readonly<Record<string, number>>) {
  const { due = 0, run = 0, skipped = 0, missed = 0, lost = 0 } = counts;
  expect(run + skipped + missed + lost).toBe(due);
}

describe('two workers and a scheduler on one Redis', () => {
  it('run each tick once, and store each at its due time', slow, async () => {
    const everyMs = 500;
    const fleet = await makeFleet();
    const names = ['One', 'Two', 'Three'];
    await fleet.home.write({
      'conf.d/a.conf': openBlock('a', ['a'], 'interval = "500ms"'),
      'python.d/a/a.py': counter(fleet.tally, ...names),
    });
    const scheduler = fleet.start('scheduler');
    const workers = await Promise.all([fleet.startWorker(), fleet.startWorker()]);
    fleet.start('normalizer');
    const workerNames = await Promise.all(
      workers.map(async (worker) => (await fleet.workerOf(worker))?.name ?? ''),
    );
    for (const name of names) {
      await eventually(`ten ticks of ${name}, by both workers`, async () => {
        const runs = (await fleet.runs(`a/a/a:${name}`)).filter(isGrid);
        const by = new Set(runs.map(({ worker }) => worker));
        return runs.length >= 10 && workerNames.every((worker) => by.has(worker));
      });
    }
    // what is under way ends first; then there is nothing left to compare with but what happened
    expect((await scheduler.stop('SIGTERM')).code).toBe(0);
    for (const worker of workers) expect((await worker.stop('SIGTERM')).code).toBe(0);
    for (const name of names) await expectEachTickOnce(fleet, name, everyMs);
  });

  it('never run a collector beside itself, and count what they skip', slow, async () => {
    const fleet = await makeFleet();
    await fleet.home.write({
      'conf.d/slow.conf': openBlock('slow', ['slow'], 'interval = "500ms"'),
      'python.d/slow/slow.py': `${fleet.tally.python}

class Slow(DataKitFramework):
    def run(self):
        say(self, 'start')
        time.sleep(2)
        say(self, 'end')
`,
    });
    fleet.start('scheduler');
    const workers = await Promise.all([fleet.startWorker(), fleet.startWorker()]);
    const id = 'slow/slow/slow:Slow';
    await eventually('five runs', async () => (await fleet.tally.count('Slow', 'end')) >= 5);
    for (const worker of workers) expect((await worker.stop('SIGTERM')).code).toBe(0);

    expectNoOverlap(await fleet.tally.lines('Slow'));
    const counts = await fleet.counts(id);
    expect(counts['skipped']).toBeGreaterThanOrEqual(5);
    expectTicksToAddUp(counts);

    const told = JSON.parse((await fleet.cli('ticks', 'slow', '--json')).stdout);
    expect(told.collectors).toMatchObject([
      { id, ticks: { due: counts['due'], skipped: { overlap: counts['skipped'] } }, unaccounted: 0 },
    ]);
    expect(told.lags).toMatchObject([{ pool: 'default' }]);
    expect(told.lags[0].ticks).toBeGreaterThanOrEqual(10);
    expect(told.lags[0].p50Ms).toBeLessThanOrEqual(told.lags[0].p99Ms);
    const { stdout, code } = await fleet.cli('ticks');
    expect({ code, words: stdout.split(/\s+/).slice(0, 4) }).toEqual({
      ...{ code: 0, words: ['COLLECTOR', 'DUE', 'RUN', 'SKIPPED'] },
    });
    expect(stdout).toContain(`Skipped: ${counts['skipped']} overlap.`);
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(await fleet.cli('ticks', 'nothing')).toMatchObject({ code: 2, stdout: '' });
  });
});

// These wait for clocks of 15 and 20 seconds, so they do it together.
describe.concurrent('a worker that is killed in mid-run', () => {
  it('takes its run along, and the tick runs again on another', slow, async ({ onTestFinished }) => {
    const fleet = await makeFleet({ atEnd: onTestFinished });
    const input = dueSoon('Holder', 60_000);
    const id = `${input}/h/h:Holder`;
    await fleet.home.write({
      'conf.d/h.conf': openBlock(input, ['h'], 'interval = "60s"'),
      'python.d/h/h.py': holder(fleet.tally),
    });
    fleet.start('scheduler');
    const workers = await Promise.all([fleet.startWorker(), fleet.startWorker()]);
    await eventually('the first run', async () => (await fleet.runs(id)).length === 1);
    await fleet.tally.holdRuns();
    const started = await fleet.tally.untilHeld('Holder', PATIENCE_MS);
    const { job, worker: lostWorker } = await eventually('its lease', () => fleet.holder(id));
    const victim = await fleet.busyOf(id, workers);
    const below = treeOf(victim.pid);
    expect(below.map(({ pid }) => pid)).toContain(started.pid);

    victim.process.kill('SIGKILL');
    await untilGone(below); // the host ends by itself when its worker has gone, and its runs with it
    await fleet.tally.letGo();

    const again = await eventually('the tick to run again', async () =>
      (await fleet.runs(id)).find((run) => run.id === job),
    );
    expect(again).toMatchObject({ kind: 'grid', outcome: { kind: 'succeeded' } });
    expect(again.attempt).toBeGreaterThan(1);
    expect(again.worker).not.toBe(lostWorker);
    expect(storedTimes(fleet, 'Holder')).toContain(timeOf(again, 60_000));
    const counts = await fleet.counts(id);
    expect(counts).toMatchObject({ rerun: 1 });
    expectTicksToAddUp(counts);
  });

  it('loses the tick when a later one has started before it comes back', slow, async ({ onTestFinished }) => {
    const fleet = await makeFleet({ atEnd: onTestFinished });
    const id = 'h/h/h:Holder';
    await fleet.home.write({
      'conf.d/h.conf': openBlock('h', ['h'], 'interval = "1s"'),
      'python.d/h/h.py': holder(fleet.tally),
    });
    fleet.start('scheduler');
    const workers = await Promise.all([fleet.startWorker(), fleet.startWorker()]);
    await eventually('a grid run', async () => (await fleet.runs(id)).some(isGrid));
    await fleet.tally.holdRuns();
    await fleet.tally.untilHeld('Holder', PATIENCE_MS);
    const victim = await fleet.busyOf(id, workers);
    const { job } = await eventually('its lease', () => fleet.holder(id));
    expect(job).toMatch(/^repeat:/);

    victim.process.kill('SIGKILL');
    // As when its lease had run out some seconds before the queue's own lock, and not at about the same time.
    await fleet.redis.del(keys.lease(schedulerId(id as CollectorId)));
    await fleet.tally.letGo();

    await eventually('the lost tick to be counted', async () => (await fleet.counts(id))['lost']);
    const counts = await fleet.counts(id);
    expect(counts['lost']).toBe(1);
    expect((await fleet.runs(id)).map((run) => run.id)).not.toContain(job);
    const starts = await fleet.tally.count('Holder', 'start');
    await eventually('the grid to go on', async () => (await fleet.tally.count('Holder', 'end')) > starts);
    for (const worker of workers) await worker.stop('SIGTERM');
    expectTicksToAddUp(await fleet.counts(id));
  });
});

describe('a worker that is told to stop', () => {
  it('F26: hands many runs in flight back at once, and another worker runs each again', slow, async () => {
    const fleet = await makeFleet();
    const names = Array.from({ length: MANY }, (_, n) => `Held${n}`);
    await fleet.home.write({
      'conf.d/h.conf': openBlock('h', ['h'], 'interval = "1h"'),
      'python.d/h/h.py': beating(fleet.tally, names),
    });
    await fleet.tally.holdRuns();
    fleet.start('scheduler');
    const env = { PYTHOND_CONCURRENCY: String(MANY + 4), PYTHOND_DRAIN: '1s' };
    const first = await fleet.startWorker(env);
    for (const name of names) await fleet.tally.untilHeld(name, PATIENCE_MS);
    const firstName = (await fleet.workerOf(first))?.name;
    const other = await fleet.startWorker(env);
    const otherName = (await fleet.workerOf(other))?.name ?? '';
    const jobs = await Promise.all(names.map(async (name) => fleet.holder(`h/h/h:${name}`)));
    expect(new Set(jobs.map((holder) => holder?.worker))).toEqual(new Set([firstName]));
    const below = treeOf(first.pid);

    const { code, stderr } = await first.stop('SIGTERM');
    expect({ code, stderr: stderr.replace(/^NOT CONFINED.*\n/, '') }).toEqual({ code: 0, stderr: '' });
    expect(living(below)).toEqual([]);
    for (const name of names) {
      await eventually(`${name} to run on the other`, async () => {
        const holder = await fleet.holder(`h/h/h:${name}`);
        return holder?.worker === otherName && (await fleet.tally.count(name, 'start')) === 2;
      });
    }
    // handed back by the worker, and not found stalled when the lock had ended
    for (const holder of jobs) {
      expect(await fleet.redis.hget(`{pythond}:collect-default:${holder?.job}`, 'stc')).toBeNull();
    }
    await fleet.tally.letGo();

    for (const [index, name] of names.entries()) {
      const id = `h/h/h:${name}`;
      const run = await eventually(`the run of ${name}`, async () => (await fleet.runs(id))[0]);
      expect(run).toMatchObject({ id: jobs[index]?.job, worker: otherName, attempt: 1 });
      expect(run).toMatchObject({ outcome: { kind: 'succeeded' }, points: { reported: 2, delivered: 2 } });
      expect(await fleet.runs(id)).toHaveLength(1);
      expect(await fleet.counts(id)).toMatchObject({ rerun: 1, succeeded: 1 });
      // the first had ended before the second began
      const lines = await fleet.tally.lines(name);
      const [one, two] = lines.filter(({ what }) => what === 'start');
      expect(one?.pid).not.toBe(two?.pid);
      const last = lines.filter(({ pid }) => pid === one?.pid).at(-1);
      expect(Number((two?.at ?? 0n) - (last?.at ?? 0n))).toBeGreaterThan(0);
      expect(lines.filter(({ what }) => what === 'end')).toHaveLength(1);
    }
    // what the first try reported was delivered, with the same times as by the second
    const stored = fleet.standin.points().filter(({ measurement }) => measurement.startsWith('before_'));
    expect(stored.map(({ measurement, time }) => `${measurement} ${time}`).sort()).toEqual(
      names
        .flatMap((name) => {
          const time = stored.find(({ measurement }) => measurement === `before_${name}`)?.time;
          return [`before_${name} ${time}`, `before_${name} ${time}`];
        })
        .sort(),
    );
    const { total } = JSON.parse((await fleet.cli('ledger', '--json')).stdout);
    expect(total).toMatchObject({ counts: { emitted: 3 * MANY, accepted: 3 * MANY }, unaccounted: 0 });
  });
});

describe('the scheduler', () => {
  it(
    'may run twice on one home: the second stands by, then changes nothing, and goes on when the first ends',
    slow,
    async () => {
      const fleet = await makeFleet();
      await fleet.home.write({
        'conf.d/a.conf': openBlock('a', ['a'], 'interval = "500ms"'),
        'python.d/a/a.py': counter(fleet.tally, 'One', 'Two'),
      });
      await fleet.startWorker();
      const first = fleet.start('scheduler');
      await eventually('both to run', async () => (await fleet.runs('a/a/a:Two')).some(isGrid));
      const before = await wantedState(fleet);

      const second = fleet.start('scheduler');
      await eventually('the second to stand by', () => hasLogged(second, 'stands-by'));
      const once = await fleet.cli('up', '--once'); // on a Redis whose leader it is not
      expect(once.code).toBe(2);
      expect(once.stdout).toMatch(/the scheduler \S+ on \S+ leads: this home is not read/);
      expect((await first.stop('SIGTERM')).code).toBe(0);
      await eventually('the second to have read the home', () => hasLogged(second, 'home-read'));
      await eventually('what it asked for to be found', () => hasLogged(second, 'discovered'));
      expect(await wantedState(fleet)).toEqual(before);

      const ended = await fleet.tally.count('One', 'end');
      await eventually('runs to go on', async () => (await fleet.tally.count('One', 'end')) > ended + 3);
      const runs = await fleet.runs('a/a/a:One');
      expect(runs.filter(({ kind }) => kind === 'first').length).toBeLessThanOrEqual(1);
    },
  );

  it('stops a collector whose block or class is gone when it starts again', slow, async () => {
    const fleet = await makeFleet();
    await fleet.home.write({
      'conf.d/a.conf': openBlock('a', ['a'], 'interval = "500ms"'),
      'conf.d/b.conf': openBlock('b', ['b'], 'interval = "500ms"'),
      'python.d/a/a.py': counter(fleet.tally, 'Stays', 'Leaves'),
      'python.d/b/b.py': counter(fleet.tally, 'LeavesToo'),
    });
    await fleet.startWorker();
    const first = fleet.start('scheduler');
    for (const name of ['Stays', 'Leaves', 'LeavesToo']) {
      await eventually(`${name} to run`, async () => (await fleet.tally.count(name, 'end')) >= 2);
    }
    await first.stop('SIGTERM');
    await fleet.home.write({
      'conf.d/b.conf': '# nothing\n',
      'python.d/a/a.py': counter(fleet.tally, 'Stays'),
    });
    const second = fleet.start('scheduler');
    await eventually('both to be gone', () => logged(second, 'collector-gone').length === 2);
    await eventually('the schedule of the one that stays to be alone', async () => {
      return (await fleet.ticks.stored()).size === 1;
    });
    const { stdout } = await fleet.cli('ls', '--json');
    expect(JSON.parse(stdout).collectors.map(({ id }: { id: string }) => id)).toEqual(['a/a/a:Stays']);

    const before = await fleet.tally.lines();
    const stays = before.filter(({ collector }) => collector === 'Stays').length;
    await eventually('the other to go on', async () => (await fleet.tally.count('Stays', 'end')) > stays + 5);
    const after = (await fleet.tally.lines()).slice(before.length);
    // at most the end of a run that was under way
    expect(after.filter(({ collector, what }) => collector !== 'Stays' && what === 'start')).toEqual([]);
  });

  it('writes a schedule that is gone from Redis anew, without being started again', slow, async () => {
    const fleet = await makeFleet();
    await fleet.home.write({
      'conf.d/a.conf': openBlock('a', ['a'], 'interval = "500ms"'),
      'python.d/a/a.py': counter(fleet.tally, 'One'),
    });
    await fleet.startWorker();
    fleet.start('scheduler');
    const scheduler = schedulerId('a/a/a:One' as CollectorId);
    await eventually('it to run', async () => (await fleet.tally.count('One', 'end')) >= 2);
    await fleet.ticks.unschedule([scheduler]);
    await eventually('the schedule', async () => (await fleet.ticks.stored()).has(scheduler));
    const ended = await fleet.tally.count('One', 'end');
    await eventually('runs to go on', async () => (await fleet.tally.count('One', 'end')) > ended + 2);
  });

  it(
    'brings everything back after a FLUSHALL when it is started again; workers need not be',
    slow,
    async () => {
      const fleet = await makeFleet();
      await fleet.home.write({
        'conf.d/a.conf': openBlock('a', ['a'], 'interval = "500ms"'),
        'python.d/a/a.py': counter(fleet.tally, 'One'),
      });
      await fleet.startWorker();
      const first = fleet.start('scheduler');
      await eventually('it to run', async () => (await fleet.tally.count('One', 'end')) >= 2);
      await first.stop('SIGTERM');
      await fleet.redis.flushall();
      fleet.start('scheduler');
      const ended = await fleet.tally.count('One', 'end');
      await eventually('runs to go on', async () => (await fleet.tally.count('One', 'end')) > ended + 3);
      expectTicksToAddUp(await fleet.counts('a/a/a:One'));
    },
  );
});

/** An input's name with which the class is next due in some seconds, so that a test need not wait for a whole interval. */
function dueSoon(name: string, everyMs: number): string {
  const soonMs = 8_000;
  const inputs = Array.from({ length: 200 }, (_, index) => `h${index}`);
  const dueInMs = (input: string) => {
    const offset = offsetMs(`${input}/h/h:${name}` as CollectorId, everyMs, false);
    return (((offset - Date.now() - soonMs) % everyMs) + everyMs) % everyMs;
  };
  return inputs.sort((a, b) => dueInMs(a) - dueInMs(b))[0] ?? 'h0';
}

/** What schedulers have to agree on: inputs and their versions, collectors, schedules and their phases. */
async function wantedState(fleet: TestFleet) {
  const inputs = new Inputs(fleet.redis);
  const records = await Promise.all((await inputs.names()).map((name) => inputs.latest(name)));
  const collectors = (await fleet.collectors.list()).map(({ record }) => record);
  const schedules = [...(await fleet.ticks.stored()).values()]
    .map(({ scheduler, everyMs, offsetMs: offset, nextMs }) => ({
      scheduler,
      everyMs,
      offset,
      phase: nextMs % everyMs,
    }))
    .sort((a, b) => a.scheduler.localeCompare(b.scheduler));
  return { records, collectors, schedules };
}

function logged(cli: RunningCli, kind: string): unknown[] {
  return cli
    .stdout()
    .split('\n')
    .filter((line) => line.includes(`"kind":"${kind}"`));
}

function hasLogged(cli: RunningCli, kind: string): boolean {
  return logged(cli, kind).length > 0;
}

async function expectEachTickOnce(fleet: TestFleet, name: string, everyMs: number): Promise<void> {
  const id = `a/a/a:${name}`;
  const view = await fleet.view(id);
  const runs = await fleet.runs(id);
  const grid = runs.filter(isGrid);
  expect(runs.map(({ outcome }) => outcome.kind)).toEqual(runs.map(() => 'succeeded'));
  expect(new Set(runs.map((run) => run.id)).size).toBe(runs.length);
  expect(new Set(grid.map(({ dueMs }) => dueMs % everyMs))).toEqual(new Set([view?.record.offsetMs]));
  for (const { id: job, dueMs } of grid) expect(job).toMatch(new RegExp(`:${dueMs}$`));
  // what the collector itself wrote down, what the runs' records say and what was stored are the same
  expect(await fleet.tally.count(name, 'start')).toBe(runs.length);
  expect(storedTimes(fleet, name)).toEqual(runs.map((run) => timeOf(run, everyMs)).sort());
  const counts = await fleet.counts(id);
  expect(counts).toMatchObject({ run: grid.length, succeeded: runs.length });
  expectTicksToAddUp(counts);
}

function expectNoOverlap(lines: readonly TallyLine[]): void {
  const open = new Set<number>();
  for (const { what, pid } of lines) {
    if (what === 'start') open.add(pid);
    else open.delete(pid);
    expect(open.size).toBeLessThanOrEqual(1);
  }
}
