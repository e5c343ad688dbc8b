import { keys } from '@pythond/registry';
import { expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { makeFleet, type TestFleet } from '../support/fleet.ts';
import { block } from '../support/home.ts';

const LONG_MS = 120_000;
const ID = 'a/a/a:A';
const OTHER = 'b/b/b:A';
const collector = `from datakit_framework import DataKitFramework


class A(DataKitFramework):
    interval = 1

    def run(self):
        self.feed_metric(measurement='m', fields={'v': 1})
`;

const damages: readonly [string, (fleet: TestFleet, key: string) => Promise<unknown>][] = [
  [
    'a byte of which flipped',
    async (fleet, key) => {
      const bytes = (await fleet.redis.getBuffer(key)) ?? Buffer.alloc(0);
      bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
      await fleet.redis.set(key, bytes);
    },
  ],
  ['that is gone', async (fleet, key) => fleet.redis.del(key)],
];

it.each(damages)(
  'F30: a bundle %s in Redis is not used, and is packed again by itself; other inputs go on',
  { timeout: 600_000 },
  async (_, damage) => {
    const fleet = await makeFleet();
    await fleet.home.write({
      'conf.d/a.conf': `${block('a', ['a'])}\n${block('b', ['b'])}`,
      'python.d/a/a.py': collector,
      'python.d/b/b.py': `${collector}\n# another bundle\n`,
    });
    const first = await fleet.startWorker();
    fleet.start('scheduler');
    await eventually('runs', async () => (await fleet.runs(ID)).length > 1, LONG_MS);
    await first.stop('SIGTERM');

    const rollout = await fleet.redis.hget(keys.input('a'), 'r:1');
    const { bundle } = JSON.parse(rollout ?? '') as { bundle: string };
    await damage(fleet, keys.bundle(bundle));
    // it has never seen the bundle
    await fleet.startWorker({ PYTHOND_CACHE_DIR: `${fleet.home.dir}/another-cache` });
    const ends = async () => (await fleet.runs(ID)).map(({ outcome, error }) => ({ outcome, error }));
    const refused = async () => (await ends()).find(({ outcome }) => outcome.kind === 'failed');
    const { outcome, error } = await eventually('a run that is refused', refused, LONG_MS);
    expect(outcome).toEqual({ kind: 'failed', reason: 'unavailable' });
    expect(error?.message).toContain('The scheduler packs it again.');
    const newest = async () => (await ends()).at(-1)?.outcome.kind;
    await eventually('it to run again', async () => (await newest()) === 'succeeded', LONG_MS);
    const failed = (await fleet.runs(OTHER)).filter((run) => run.outcome.kind !== 'succeeded');
    expect(failed).toEqual([]);
  },
);
