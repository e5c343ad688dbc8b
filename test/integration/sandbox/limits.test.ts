import { readdirSync } from 'node:fs';
import { causeOf, defaultHostLimits, outcomeOf, type RunEnd } from '@pythond/runner';
import { expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { ours } from '../runner/support.ts';
import { type Box, openBox } from './support.ts';

const MIB = 1024 ** 2;

async function expectKilled(box: Box, collector: string, reason: string, cause: string): Promise<RunEnd> {
  const end = await box.run(collector);
  expect([outcomeOf(end), causeOf(end, defaultHostLimits)]).toEqual([
    { kind: 'killed', reason },
    `killed: ${cause}`,
  ]);
  await eventually('everything of the run is gone', () => ours().every((pid) => pid === box.host.pid));
  expect(outcomeOf(await box.run('Steady'))).toEqual({ kind: 'succeeded' });
  return end;
}

it('a run that uses more memory than it may, its subprocesses included, is killed with all of them', async () => {
  const box = await openBox({ memoryBytes: 128 * MIB });
  await expectKilled(box, 'Memory', 'memory', 'used more than 128 MiB');
});

it('memory that the processes of a run share counts once', async () => {
  const box = await openBox({ memoryBytes: 128 * MIB });
  expect(outcomeOf(await box.run('Shared'))).toEqual({ kind: 'succeeded' });
});

it('a run that fills its temporary folder is killed, and the folder is emptied', async () => {
  const box = await openBox({ tmpBytes: 8 * MIB });
  await expectKilled(box, 'Temporary', 'tmp', 'put more than 8 MiB into its temporary folder');
});

it('a file without a name counts as much as one with a name', async () => {
  const box = await openBox({ tmpBytes: 8 * MIB });
  await expectKilled(box, 'Deleted', 'tmp', 'put more than 8 MiB into its temporary folder');
});

it('a run that uses more processor time than it may is killed', async () => {
  const box = await openBox({ cpuMs: 1_000 });
  await expectKilled(box, 'Cpu', 'cpu', 'used more than 1 s of CPU time');
});

it('a run with more processes than it may have is killed with all of them', async () => {
  const box = await openBox({ maxProcesses: 16 });
  const end = await box.run('Processes');
  expect(['killed', 'failed']).toContain(outcomeOf(end).kind); // with a uid of its own the kernel refuses the 17th
  await eventually('everything of the run is gone', () => ours().every((pid) => pid === box.host.pid));
});

it('leaves nothing of a run behind: no process, no file, no descriptor', async () => {
  const box = await openBox({ memoryBytes: 128 * MIB });
  const descriptors = () => readdirSync('/proc/self/fd').length;
  await box.run('Steady');
  const before = descriptors();
  await box.run('Memory');
  await eventually('descriptors are closed', () => descriptors() <= before);
});
