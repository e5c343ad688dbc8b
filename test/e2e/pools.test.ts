import { expect, it, vi } from 'vitest';
import type { RunningCli } from '../support/cli.ts';
import { eventually as eventuallyWithin } from '../support/eventually.ts';
import { makeFleet, type TestFleet } from '../support/fleet.ts';
import { block } from '../support/home.ts';

vi.setConfig({ testTimeout: 900_000, hookTimeout: 600_000 });

const PATIENCE_MS = 300_000;
const eventually = <T>(what: string, probe: () => T | Promise<T>) =>
  eventuallyWithin(what, probe, PATIENCE_MS);

const EVERY_MS = 500;
const script = `
from datakit_framework import DataKitFramework


class C(DataKitFramework):
    def run(self):
        self.feed_metric(measurement='m', fields={'a': 1})
`;
const METAL = { PYTHOND_POOLS: 'metal' };
const id = (input: string) => `${input}/c/c:C`;

const workersOf = async (fleet: TestFleet, input: string) =>
  new Set((await fleet.runs(id(input))).map(({ worker }) => worker));

const nameOf = async (fleet: TestFleet, worker: RunningCli) => (await fleet.workerOf(worker))?.name ?? '';

const unserved = async (fleet: TestFleet): Promise<string[]> => {
  const { problems } = JSON.parse((await fleet.cli('ls', '--json')).stdout);
  return problems
    .filter(({ code }: { code: string }) => code === 'pool-unserved')
    .map(({ text }: { text: string }) => text);
};

/** Lines of the scheduler's log about pools, by their kind. */
const logged = (scheduler: RunningCli, kind: 'problem' | 'problem-solved') =>
  scheduler
    .stdout()
    .split('\n')
    .filter((line) => line.includes(`"kind":"${kind}"`) && line.includes('pool-unserved'));

it('collectors run on workers of their pool alone, and wait, told of, while there is none', async () => {
  const fleet = await makeFleet();
  const every = `interval = "${EVERY_MS}ms"`;
  await fleet.home.write({
    'conf.d/plain.conf': block('plain', ['c'], every),
    'conf.d/gpu.conf': block('gpu', ['c'], `${every}\n  pool = "metal"`),
    'python.d/c/c.py': script,
  });
  const scheduler = fleet.start('scheduler');
  const plain = await fleet.startWorker();
  const plainName = await nameOf(fleet, plain);

  // nobody has ever served it: its collectors are not even known
  const text =
    'no worker serves pool metal, so the collectors of input gpu do not run: start a worker with PYTHOND_POOLS=metal, or name another pool in the block';
  await eventually('the pool to be told of', async () => (await unserved(fleet)).includes(text));
  await eventually('the others to run', async () => (await fleet.runs(id('plain'))).length >= 3);
  expect(await fleet.view(id('gpu'))).toBeNull();

  const metal = await fleet.startWorker(METAL);
  const metalName = await nameOf(fleet, metal);
  expect(await unserved(fleet)).toEqual([]);
  await eventually('it to run', async () => (await fleet.runs(id('gpu'))).length >= 5);
  await eventually('that to be logged', () => logged(scheduler, 'problem-solved').length === 1);
  expect(await workersOf(fleet, 'gpu')).toEqual(new Set([metalName]));
  expect(await workersOf(fleet, 'plain')).toEqual(new Set([plainName]));

  expect((await metal.stop('SIGTERM')).code).toBe(0);
  const last = (await fleet.runs(id('gpu'))).at(-1);
  await eventually('the pool to be told of again', async () => (await unserved(fleet)).includes(text));
  const shown = await fleet.cli('show', id('gpu'));
  expect(shown.stdout).toContain('! no worker serves its pool, metal: it does not run\n');
  const asked = await fleet.cli('run', id('gpu'));
  expect(asked).toMatchObject({ code: 2, stdout: '' });
  expect(asked.stderr).toContain('No worker serves pool metal');
  expect((await fleet.cli('ls')).stdout).toContain(`! ${text}\n`);
  expect((await fleet.runs(id('gpu'))).at(-1)).toEqual(last);

  const another = await fleet.startWorker(METAL);
  const { name, startedMs } = (await fleet.workerOf(another)) ?? { name: '', startedMs: 0 };
  const runs = await eventually('it to run again', async () => {
    const all = (await fleet.runs(id('gpu'))).filter(({ worker }) => worker === name);
    return all.length >= 5 ? all : null;
  });
  // of all ticks that were due while nobody was there, one
  expect(runs.filter(({ dueMs }) => dueMs < startedMs)).toHaveLength(1);
  expect(runs[0]?.phases.lagMs).toBeGreaterThan(EVERY_MS);
  const { due = 0, run = 0, skipped = 0, missed = 0, lost = 0 } = await fleet.counts(id('gpu'));
  expect(due).toBe(run + skipped + missed + lost);
  expect(missed).toBeGreaterThan(0);
  expect(await unserved(fleet)).toEqual([]);
  await eventually('that to be logged', () => logged(scheduler, 'problem-solved').length === 2);
  expect(await workersOf(fleet, 'plain')).toEqual(new Set([plainName]));
  // told once each time
  expect(logged(scheduler, 'problem')).toHaveLength(2);
});
