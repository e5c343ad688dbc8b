import { execFileSync } from 'node:child_process';
import { chmod, mkdir, symlink } from 'node:fs/promises';
import path from 'node:path';
import { laneOf } from '@pythond/jobs';
import { queueNames } from '@pythond/queue';
import { expect, it, vi } from 'vitest';
import { eventually as eventuallyWithin } from '../support/eventually.ts';
import { makeFleet } from '../support/fleet.ts';

vi.setConfig({ testTimeout: 900_000, hookTimeout: 600_000 });

const eventually = <T>(what: string, probe: () => T | Promise<T>) => eventuallyWithin(what, probe, 300_000);
const CMD = 'python-of-one';
const ID = 'c/c/c:One';
const RESIDENT = 'r/c/c:One';

it('what a worker can not start runs on one that can, and fails with the reason when there is none', async () => {
  const fleet = await makeFleet();
  const bin = path.join(fleet.home.dir, 'bin');
  await mkdir(bin);
  const python = execFileSync('python3', ['-c', 'import sys; print(sys.executable)'], { encoding: 'utf8' });
  await symlink(python.trim(), path.join(bin, CMD));
  await chmod(fleet.home.dir, 0o755); // collectors are other users, and have to get through
  const input = (name: string, more: string) =>
    `[[inputs.pythond]]\n  name = "${name}"\n  cmd = "${CMD}"\n  dirs = ["c"]\n  interval = "500ms"\n${more}\n`;
  await fleet.home.write({
    'conf.d/c.conf': input('c', '') + input('r', '  isolation = "resident"'),
    'python.d/c/c.py': `
from datakit_framework import DataKitFramework


class One(DataKitFramework):
    def run(self):
        self.feed_metric(measurement='one', fields={'n': 1})
`,
  });
  // the one that lacks it is there first, so that it gets the discoveries too
  const lacking = await fleet.startWorker();
  const able = await fleet.startWorker({ PATH: `${bin}:${process.env['PATH']}` });
  fleet.start('scheduler');
  const nameOf = async (worker: typeof able) => (await fleet.workerOf(worker))?.name ?? '';
  const [lackingName, ableName] = await Promise.all([nameOf(lacking), nameOf(able)]);

  const lane = `{pythond}:${queueNames.collect(laneOf('default', CMD))}:completed`;
  await eventually('three ticks to have been handed over', async () => (await fleet.redis.zcard(lane)) >= 3);
  await eventually('eight runs', async () => (await fleet.runs(ID)).length >= 8);
  await eventually('five calls in the resident', async () => (await fleet.runs(RESIDENT)).length >= 5);
  const told = await eventually('both to have told what starts', async () => {
    const cmds = await Promise.all([lacking, able].map(async (one) => (await fleet.workerOf(one))?.cmds));
    return cmds.every((one) => one?.[CMD] !== undefined) && cmds;
  });
  expect(told).toEqual([{ [CMD]: false }, { [CMD]: true }]);
  for (const id of [ID, RESIDENT]) {
    const runs = await fleet.runs(id);
    expect(new Set(runs.map(({ worker }) => worker))).toEqual(new Set([ableName]));
    expect(new Set(runs.map(({ outcome }) => outcome.kind))).toEqual(new Set(['succeeded']));
  }
  expect((await fleet.cli('workers')).stdout).toContain(`does not start: ${CMD}`);
  expect(await fleet.run(ID)).toMatchObject({ kind: 'manual', worker: ableName });

  expect((await able.stop('SIGTERM')).code).toBe(0);
  const failed = await eventually('a tick to fail', async () =>
    (await fleet.runs(ID)).find(({ worker }) => worker === lackingName),
  );
  expect(failed.outcome).toEqual({ kind: 'failed', reason: 'unavailable' });
  expect(failed.hint).toContain(`cmd = "${CMD}" was not found on this worker's PATH`);
  expect(failed.hint).toContain('install it or write an absolute path');
});
