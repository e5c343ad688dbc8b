import type { WorkerView } from '@pythond/registry';
import { expect, it } from 'vitest';
import { PoolWatch } from './pool-watch.ts';

function watchOf(inputs: Record<string, string>, served: { pools: readonly string[] }) {
  const workers = async () => [{ pools: served.pools } as WorkerView];
  return new PoolWatch({ pools: async () => new Map(Object.entries(inputs)) }, { workers });
}

it('a pool is told of when two looks in a row find that nobody serves it, until somebody does', async () => {
  const served = { pools: ['default'] };
  const watch = watchOf({ a: 'default', gpu: 'metal', more: 'metal' }, served);
  expect(await watch.look()).toEqual([]);
  expect(await watch.look()).toEqual([
    {
      ...{ level: 'warning', code: 'pool-unserved', pool: 'metal' },
      text: 'no worker serves pool metal, so the collectors of inputs gpu, more do not run: start a worker with PYTHOND_POOLS=metal, or name another pool in the block',
    },
  ]);
  served.pools = ['default', 'metal'];
  expect(await watch.look()).toEqual([]);
  served.pools = ['default'];
  expect(await watch.look()).toEqual([]);
});

it('a pool that collectors in force are in counts, too, but not those of an input that is gone', async () => {
  const watch = watchOf({ moved: 'default' }, { pools: ['default'] });
  watch.knows([
    { input: 'moved', pool: 'old' },
    { input: 'gone', pool: 'older' },
  ]);
  await watch.look();
  expect((await watch.look()).map(({ text }) => text)).toEqual([
    expect.stringContaining('no worker serves pool old, so the collectors of input moved do'),
  ]);
});

it('of many inputs some are named', async () => {
  const names = Array.from({ length: 7 }, (_, index) => `in${index}`);
  const watch = watchOf(Object.fromEntries(names.map((name) => [name, 'p'])), { pools: [] });
  await watch.look();
  const [problem] = await watch.look();
  expect(problem?.text).toContain('inputs in0, in1, in2, in3, in4 and 2 more do not run');
});
