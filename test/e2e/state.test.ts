import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CollectorId, schedulerId } from '@pythond/jobs';
import { Collectors, keys } from '@pythond/registry';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { makeFleet, type TestFleet } from '../support/fleet.ts';
import { block } from '../support/home.ts';

vi.setConfig({ testTimeout: 900_000, hookTimeout: 600_000 });

const RECOVERY_MS = 600_000;

/** Counts its runs in an attribute, in its class and in its module, and reports all three. */
const counting = (more = '') => `
import os
import time

from datakit_framework import DataKitFramework

TOTAL = 0


class Counts(DataKitFramework):
    runs = 0

    def __init__(self):
        super().__init__()
        self.counter = 0

    def run(self):
        global TOTAL
        TOTAL += 1
        Counts.runs += 1
        self.counter += 1
        self.feed_metric(measurement='Counts', fields={'of_self': self.counter, 'of_class': Counts.runs, 'of_module': TOTAL})
${more}
`;

const ID = 'c/c/c:Counts';

const stored = (fleet: TestFleet, measurement = 'Counts') =>
  fleet.standin.points().filter((point) => point.measurement === measurement);

/** The counters that were reported, in the order in which they came in. */
const counters = (fleet: TestFleet) =>
  stored(fleet).map(({ fields }) => ['of_self', 'of_class', 'of_module'].map((name) => Number(fields[name])));

const upTo = (most: number) => Array.from({ length: most }, (_, index) => Array(3).fill(index + 1));

const ascending = (numbers: readonly (readonly number[])[]) => [...numbers].sort(([a = 0], [b = 0]) => a - b);

async function fleetWith(script: string, more = 'interval = "500ms"', datakit?: string) {
  const fleet = await makeFleet(datakit ? { datakit } : {});
  await fleet.home.write({ 'conf.d/c.conf': block('c', ['c'], more), 'python.d/c/c.py': script });
  fleet.start('scheduler');
  return fleet;
}

const stateHash = (id: string) => keys.state(schedulerId(id as CollectorId));

describe('what a run changed', () => {
  it('goes on with the next run, whichever of two workers it is on', async () => {
    const fleet = await fleetWith(counting());
    const workers = await Promise.all([fleet.startWorker(), fleet.startWorker()]);
    const runs = await eventually('twelve runs, by both workers in turn', async () => {
      const all = await fleet.runs(ID);
      const changes = all.filter(
        ({ worker }, index) => index > 0 && worker !== all[index - 1]?.worker,
      ).length;
      return all.length >= 12 && changes >= 3 ? all : null;
    });
    for (const worker of workers) await worker.stop('SIGTERM');
    expect(runs.map(({ outcome }) => outcome.kind)).toEqual(runs.map(() => 'succeeded'));
    const seen = ascending(counters(fleet));
    expect(seen.length).toBeGreaterThanOrEqual(12);
    expect(seen).toEqual(upTo(seen.length));

    const { stdout } = await fleet.cli('state', 'show', 'Counts', '--json');
    expect(JSON.parse(stdout)).toMatchObject({
      collector: ID,
      state: {
        names: { instance: ['counter'], modules: { c: ['TOTAL'] }, classes: { 'c:Counts': ['runs'] } },
      },
    });
    expect((await fleet.cli('state', 'show', 'Counts')).stdout).toMatch(/self +counter/);
    expect((await fleet.cli('state', 'clear', 'Counts')).code).toBe(0);
    expect((await fleet.cli('state', 'show', 'Counts')).stdout).toContain('No state');

    fleet.standin.reset();
    await fleet.startWorker();
    await eventually('a run from the beginning', () => counters(fleet)[0]);
    expect(counters(fleet)[0]).toEqual([1, 1, 1]);
  });

  it('is told again by the run that repeats a tick whose worker was killed', async () => {
    const script = counting(`
        print('counted', flush=True)
        while os.path.exists(HOLD):
            time.sleep(0.02)
`);
    const fleet = await makeFleet();
    await fleet.home.write({
      'conf.d/c.conf': block('c', ['c'], 'interval = "2s"'),
      'python.d/c/c.py': script.replace('TOTAL = 0', `TOTAL = 0\nHOLD = ${JSON.stringify(fleet.tally.hold)}`),
    });
    fleet.start('scheduler', OPEN);
    const workers = await Promise.all([fleet.startWorker(OPEN), fleet.startWorker(OPEN)]);
    await eventually('two runs', async () => (await fleet.runs(ID)).length >= 2);
    await fleet.tally.holdRuns();
    const before = await eventually('a run that is held', async () => {
      const lease = await fleet.holder(ID);
      return lease && { ...lease, ended: (await fleet.runs(ID)).length, counted: counters(fleet).length };
    });
    const victim = await fleet.busyOf(ID, workers);
    victim.process.kill('SIGKILL');
    await fleet.tally.letGo();
    await eventually(
      'five more runs',
      async () => (await fleet.runs(ID)).length >= before.ended + 5,
      RECOVERY_MS,
    );
    for (const worker of workers) if (worker !== victim) await worker.stop('SIGTERM');
    const numbers = ascending(counters(fleet)).map(([own = 0]) => own);
    // none is left out; the one of the repeated run may have been reported twice
    expect([...new Set(numbers)]).toEqual(
      Array.from({ length: Math.max(...numbers) }, (_, index) => index + 1),
    );
    expect(Math.max(...numbers)).toBe((await fleet.runs(ID)).length);
  });

  it('is not held back while DataKit answers 500', async () => {
    const broken = createServer((request, response) => {
      request.resume().on('end', () => response.writeHead(500).end('no'));
    });
    await new Promise<void>((resolve) => broken.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => new Promise((resolve) => broken.close(() => resolve())));
    const { port } = broken.address() as AddressInfo;
    const fleet = await fleetWith(
      counting('        print(self.counter)'),
      undefined,
      `http://127.0.0.1:${port}`,
    );
    await fleet.startWorker();
    const runs = await eventually('six runs', async () => {
      const all = await fleet.runs(ID);
      return all.length >= 6 ? all : null;
    });
    expect(runs.map(({ stdout }) => Number(stdout))).toEqual(runs.map((_, index) => index + 1));
    expect(runs.every(({ points }) => points.delivered === 0 && points.queued === 1)).toBe(true);
  });

  it('goes on after run() raised', async () => {
    const fleet = await fleetWith(
      counting('        print(self.counter)\n        raise ValueError("always")'),
    );
    await fleet.startWorker();
    const runs = await eventually('four runs', async () => {
      const all = await fleet.runs(ID);
      return all.length >= 4 ? all : null;
    });
    expect(runs.map(({ outcome }) => outcome)).toEqual(
      runs.map(() => ({ kind: 'failed', reason: 'raised' })),
    );
    expect(runs.map(({ stdout }) => Number(stdout))).toEqual(runs.map((_, index) => index + 1));
  });

  it('warns once of what it holds that can not be carried, and carries the rest', async () => {
    const more = '        self.lock = __import__("threading").Lock()\n        print(self.counter)';
    const fleet = await fleetWith(counting(more));
    await Promise.all([fleet.startWorker(), fleet.startWorker()]);
    const runs = await eventually('six runs', async () => {
      const all = await fleet.runs(ID);
      return all.length >= 6 ? all : null;
    });
    expect(runs.map(({ stdout }) => Number(stdout))).toEqual(runs.map((_, index) => index + 1));
    const warnings = runs.flatMap((run) => run.warnings);
    expect(warnings).toMatchObject([{ code: 'state-not-carried' }]);
    expect(warnings[0]?.message).toContain('self.lock');
  });

  it('ends with it where the block says state = false', async () => {
    const fleet = await fleetWith(counting(), 'interval = "500ms"\nstate = false');
    await fleet.startWorker();
    await eventually('four runs', async () => (await fleet.runs(ID)).length >= 4);
    expect(counters(fleet)).toEqual(counters(fleet).map(() => [1, 1, 1]));
    expect(await fleet.redis.exists(stateHash(ID))).toBe(0);
  });

  it('is named when another collector of the module changes the same name', async () => {
    const fleet = await fleetWith(
      `${counting()}\n\nclass Other(DataKitFramework):\n    def run(self):\n        global TOTAL\n        TOTAL += 10\n`,
      'interval = "500ms"\nisolation = "run"',
    );
    await fleet.startWorker();
    const warnings = await eventually('the warning', async () => {
      const both = [...(await fleet.runs(ID)), ...(await fleet.runs('c/c/c:Other'))];
      const found = both.flatMap((run) => run.warnings);
      return both.length >= 8 && found.length > 0 ? found : null;
    });
    expect(warnings).toMatchObject([{ code: 'shared-name' }]);
    expect(warnings[0]?.message).toMatch(/^c\.TOTAL is changed by c\/c\/c:\w+ and by c\/c\/c:\w+/);
  });

  it('waits some days for a collector that is gone, and for good when it is back', async () => {
    const fleet = await fleetWith(counting());
    await fleet.startWorker();
    await eventually('state', async () => (await fleet.redis.exists(stateHash(ID))) === 1);
    const collectors = new Collectors(fleet.redis);
    const record = (await fleet.view(ID))?.record;
    if (!record) throw new Error('no record');
    await collectors.remove([record.id]);
    await eventually(
      'it to expire',
      async () => (await fleet.redis.pttl(stateHash(ID))) > 6 * 24 * 3600 * 1000,
    );
    await collectors.register([record]);
    expect(await fleet.redis.pttl(stateHash(ID))).toBe(-1);
  });
});

/** The hold is a file of the test's own, out of a confined run's reach. */
const OPEN = { PYTHOND_SANDBOX: 'none' };
