import { type CollectorId, schedulerId } from '@pythond/jobs';
import { keys } from '@pythond/registry';
import { expect, it, vi } from 'vitest';
import { eventually as eventuallyWithin } from '../support/eventually.ts';
import { makeFleet } from '../support/fleet.ts';
import { block } from '../support/home.ts';

vi.setConfig({ testTimeout: 900_000, hookTimeout: 600_000 });

const eventually = <T>(what: string, probe: () => T | Promise<T>) => eventuallyWithin(what, probe, 300_000);
const id = 'a/a/a:One' as CollectorId;
const script = `
from datakit_framework import DataKitFramework


class One(DataKitFramework):
    def run(self):
        self.feed_metric(measurement='one', fields={'a': 1})
`;

it('what only a newer version can read is left for its workers, and not lost', async () => {
  const fleet = await makeFleet();
  const { redis } = fleet;
  await fleet.home.write({
    'conf.d/a.conf': block('a', ['a'], 'interval = "1h"\n  paused = true'),
    'python.d/a/a.py': script,
  });
  const scheduler = fleet.start('scheduler');
  const worker = await fleet.startWorker();
  expect(await fleet.run('One')).toMatchObject({ outcome: { kind: 'succeeded' } });
  await scheduler.stop('SIGTERM'); // it would write the records again
  const hash = keys.collector(schedulerId(id));
  const said = (text: string) =>
    worker
      .stdout()
      .split('\n')
      .filter((line) => line.includes(text));

  for (const kind of ['collector', 'input'] as const) {
    const [key, field] = kind === 'collector' ? [hash, 'record'] : [keys.input('a'), 'r:1'];
    const mine = (await redis.hget(key, field)) ?? '';
    const newer = JSON.stringify({ ...JSON.parse(mine), v: 2, somethingElse: true });
    const version = `${kind} of a newer version`;
    // as after an upgrade of the scheduler; what a worker holds of an input stays with it, so it is another number
    if (kind === 'collector') await redis.hset(hash, { record: newer, version });
    else {
      const record = { ...JSON.parse((await redis.hget(hash, 'record')) ?? ''), inputNumber: 2 };
      await redis.hset(key, { 'r:2': newer.replace('"number":1', '"number":2') });
      await redis.hset(hash, { record: JSON.stringify(record), version });
    }
    const text = kind === 'collector' ? `collector ${id}` : 'version 2 of input a';
    const asked = await fleet.askForRun(id);
    // more often than a job may be started that kills its worker
    await eventually('the worker to have left it several times', async () => {
      return Number(await redis.hget(hash, 'n:rerun')) >= 5;
    });
    expect(said(`${text} was made by a newer version`)).toHaveLength(1);
    expect((await fleet.ticks.answer(asked)) ?? 'waits').toBe('waits');

    // a worker of the newer version comes
    if (kind === 'collector') await redis.hset(hash, { record: mine, version: 'mine' });
    else await redis.hset(key, { 'r:2': mine.replace('"number":1', '"number":2') });
    const run = await eventually('the run', async () =>
      (await fleet.runs(id)).find((one) => one.id === asked),
    );
    expect(run).toMatchObject({ outcome: { kind: 'succeeded' }, points: { delivered: 1 }, attempt: 1 });
    await redis.hset(hash, 'n:rerun', 0);
  }
  expect((await fleet.cli('show', 'One')).code).toBe(0);
  await redis.hset(hash, 'record', JSON.stringify({ v: 2, id }));
  expect(await fleet.cli('show', 'One')).toEqual({
    ...{ code: 2, stdout: '' },
    stderr: `collector ${id} was made by a newer version of pythond-fleet (its format is 2), which this one can't read: upgrade this one\n`,
  });
});
