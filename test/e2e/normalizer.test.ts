import type { DeadLetter } from '@pythond/jobs';
import { Ledger, noPoints, sumOf } from '@pythond/ledger';
import { DeadLetters, Outbox } from '@pythond/outbox';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { RunningCli } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';
import { type FaultyDatakit, startFaultyDatakit } from '../support/faulty-datakit.ts';
import { makeFleet, type TestFleet } from '../support/fleet.ts';
import { block } from '../support/home.ts';

const slow = { timeout: 600_000 };

/** A metric and three logs of one report, the second of which only the server can know to be bad. */
const reporter = `
from datakit_framework import DataKitFramework


class Reports(DataKitFramework):
    def run(self):
        self.report({
            'M': [{'measurement': 'cpu', 'tags': {'host': 'a'}, 'fields': {'load': 0.5}}],
            'L': [{'measurement': 'web', 'tags': {'n': n}, 'fields': {'message': 'line ' + n}} for n in '123'],
            'input': 'reports',
        })
`;
const id = 'r/r/r:Reports';
const refusal = '{"error_code":"datakit.invalidLinePoint","message":"unable to parse this one"}';

describe('what DataKit does not take at first', () => {
  it(
    'waits when DataKit answers 500, is tried again, and arrives once, with its own times',
    slow,
    async () => {
      const { fleet, datakit } = await start();
      datakit.goWrong(() => ({ status: 500 }));
      const run = await fleet.run(id);
      expect(run).toMatchObject({
        outcome: { kind: 'succeeded' },
        points: { reported: 4, delivered: 0, queued: 4, dead: 0 },
      });
      const offered = [...new Set(datakit.writes.flatMap(({ lines }) => lines))].sort();
      expect(offered).toHaveLength(4);

      fleet.start('normalizer');
      // the normalizer has seen the fault, too
      const before = datakit.writes.length;
      await eventually('another try in vain', () => datakit.writes.length > before + 1);
      expect(datakit.standin.received.points).toBe(0);
      datakit.goWrong(null);
      await eventually('all of them', () => datakit.standin.received.points >= 4);
      await eventually('nothing to wait any more', async () => (await waiting(fleet)) === 0);

      const stored = datakit.standin.points();
      expect(stored.map(({ measurement, tags }) => `${measurement}${tags['n'] ?? ''}`).sort()).toEqual(
        ['cpu', 'web1', 'web2', 'web3'].sort(),
      );
      expect(stored.map(({ time }) => time).sort()).toEqual(offered.map(timeOf).sort());
      expect(stored.find(({ measurement }) => measurement === 'cpu')?.time).toBe(`${run.dueMs}000000`);
      expect(await letters(fleet)).toEqual([]);
    },
  );

  it(
    'is parted from a point that DataKit refuses: that one is a dead letter, the rest is accepted',
    slow,
    async () => {
      const { fleet, datakit } = await start();
      datakit.goWrong(refuseSecond);
      const run = await fleet.run(id);
      expect(run).toMatchObject({
        outcome: { kind: 'succeeded' },
        points: { reported: 4, delivered: 3, queued: 0, dead: 1 },
      });
      await expectSecondDead(fleet, datakit, run.id);
    },
  );

  it('is parted so by the normalizer, too, when it had to wait before', slow, async () => {
    const { fleet, datakit } = await start();
    datakit.goWrong(() => ({ status: 503 }));
    const run = await fleet.run(id);
    expect(run.points).toEqual({ reported: 4, delivered: 0, queued: 4, dead: 0 });
    datakit.goWrong(refuseSecond);
    fleet.start('normalizer');
    await eventually('nothing to wait any more', async () => (await waiting(fleet)) === 0);
    await expectSecondDead(fleet, datakit, run.id);
  });
});

const damages: readonly [string, (body: Buffer) => Buffer][] = [
  ['a byte of which flipped', (body) => Buffer.from(body.map((byte, at) => (at === 5 ? byte ^ 1 : byte)))],
  ['that was cut short', (body) => body.subarray(0, body.length / 2)],
];

describe.each(damages)('F30: a delivery %s in Redis', (_, damage) => {
  it('is a dead letter that says so, the others are delivered, and the sum is exact', slow, async () => {
    const { fleet, datakit } = await start();
    datakit.goWrong(() => ({ status: 500 }));
    const run = await fleet.run(id);
    expect(run.points).toEqual({ reported: 4, delivered: 0, queued: 4, dead: 0 });
    const waitingIds = await fleet.redis.zrange('{pythond}:deliveries', '0', '-1');
    expect(waitingIds).toHaveLength(2); // metrics and logs
    const [logs = ''] = (
      await Promise.all(
        waitingIds.map(
          async (one) => ((await fleet.redis.hget(keyOf(one), 'meta')) ?? '').includes('logging') && one,
        ),
      )
    ).filter((one) => one !== false);
    const body = await fleet.redis.hgetBuffer(keyOf(logs), 'body');
    await fleet.redis.hset(keyOf(logs), 'body', damage(body ?? Buffer.alloc(0)));
    datakit.goWrong(null);
    fleet.start('normalizer');
    await eventually('nothing to wait any more', async () => (await waiting(fleet)) === 0, 120_000);
    expect(datakit.standin.points().map(({ measurement }) => measurement)).toEqual(['cpu']);
    const [letter, ...others] = await letters(fleet);
    expect(others).toEqual([]);
    expect(letter).toMatchObject({
      ...{ points: 3, origins: [{ collector: id }] },
      reason: { code: 'corrupt', message: expect.stringContaining('its checksum does not match') },
    });
    const sum = sumOf(await new Ledger(fleet.redis).of(id));
    expect(sum).toEqual({ ...noPoints(), emitted: 4, accepted: 1, dead: 3 });
  });
});

describe('a point that DataKit would refuse in any case', () => {
  it('is not sent at all, and a dead letter at once', slow, async () => {
    const { fleet, datakit } = await start(`
from datakit_framework import DataKitFramework


class Reports(DataKitFramework):
    def run(self):
        self.report({
            'M': [
                {'measurement': 'cpu', 'tags': {'host': 'a'}, 'fields': {'load': 0.5}},
                {'measurement': 'cpu', 'tags': {'host': ['not', 'text']}, 'fields': {'load': 0.5}},
            ],
            'input': 'reports',
        })
`);
    const run = await fleet.run(id);
    expect(run.points).toEqual({ reported: 2, delivered: 1, queued: 0, dead: 1 });
    expect(datakit.writes.flatMap(({ lines }) => lines)).toHaveLength(1);
    const [letter, ...others] = await letters(fleet);
    expect(others).toEqual([]);
    expect(letter).toMatchObject({ form: 'reported', points: 1, answer: null, origins: [{ collector: id }] });
    expect(JSON.parse(letter?.body ?? '')).toEqual([
      { measurement: 'cpu', tags: { host: ['not', 'text'] }, fields: { load: 0.5 } },
    ]);
  });
});

describe('an outbox that is full', () => {
  it(
    'makes room: metrics first, the oldest first; each point is counted, and the log tells of it',
    slow,
    async () => {
      const { fleet, datakit, worker } = await start(bulky, { PYTHOND_OUTBOX_SIZE: '1MiB' });
      datakit.goWrong(() => ({ status: 500 }));
      const RUNS = 6;
      for (let nth = 0; nth < RUNS; nth += 1) await fleet.run(id);
      const full = sumOf(await new Ledger(fleet.redis).of(id));
      expect(full).toMatchObject({ emitted: RUNS * (METRICS + 1), accepted: 0, dead: 0 });
      expect(full.dropped).toBeGreaterThan(0);
      expect(full.queued + full.dropped).toBe(full.emitted);
      expect(worker.stdout()).toContain('the outbox is full');
      expect((await fleet.cli('ledger')).stdout).toMatch(/DROPPED/);

      datakit.goWrong(null);
      fleet.start('normalizer');
      await eventually('nothing to wait any more', async () => (await waiting(fleet)) === 0);
      const stored = datakit.standin.points();
      const nthOf = (measurement: string) => {
        const found = stored.filter((point) => point.measurement === measurement);
        return new Set(found.map(({ tags }) => Number(tags['nth'])));
      };
      expect(nthOf('log')).toEqual(new Set(Array(RUNS).keys()));
      const droppedRuns = full.dropped / METRICS;
      expect(nthOf('metric')).toEqual(new Set([...Array(RUNS).keys()].slice(droppedRuns)));
      const sum = sumOf(await new Ledger(fleet.redis).of(id));
      expect(sum).toEqual({ ...full, queued: 0, accepted: full.queued });
    },
  );
});

const METRICS = 300;
/** Metrics and a log, which run it was, and more characters than can be compressed by much. */
const bulky = `
import os
from datakit_framework import DataKitFramework

nth = 0


class Reports(DataKitFramework):
    def run(self):
        global nth
        tags = lambda: {'nth': str(nth), 'bulk': os.urandom(500).hex()}
        metrics = [{'measurement': 'metric', 'tags': tags(), 'fields': {'v': 1}} for _ in range(${METRICS})]
        log = {'measurement': 'log', 'tags': tags(), 'fields': {'message': os.urandom(50000).hex()}}
        self.report({'M': metrics, 'L': [log], 'input': 'bulky'})
        nth += 1
`;

async function start(
  python = reporter,
  env: Readonly<Record<string, string>> = {},
): Promise<{ fleet: TestFleet; datakit: FaultyDatakit; worker: RunningCli }> {
  const datakit = await startFaultyDatakit();
  onTestFinished(() => datakit.close());
  const fleet = await makeFleet({ datakit: datakit.url });
  await fleet.home.write({
    'conf.d/r.conf': block('r', ['r'], '  paused = true'),
    'python.d/r/r.py': python,
  });
  const worker = await fleet.startWorker(env);
  fleet.start('scheduler');
  await eventually('the collector', () => fleet.view(id));
  return { fleet, datakit, worker };
}

function refuseSecond({ lines }: { readonly lines: readonly string[] }) {
  return lines.some((line) => line.includes('n=2')) ? { status: 400, body: refusal } : null;
}

async function expectSecondDead(fleet: TestFleet, datakit: FaultyDatakit, run: string): Promise<void> {
  const stored = datakit.standin.points().map(({ measurement, tags }) => `${measurement}${tags['n'] ?? ''}`);
  expect(stored.sort()).toEqual(['cpu', 'web1', 'web3']);
  const [letter, ...others] = await letters(fleet);
  expect(others).toEqual([]);
  expect(letter).toMatchObject({
    category: 'logging',
    reason: { message: expect.stringContaining('unable to parse this one') },
    answer: { status: 400, body: refusal },
    points: 1,
    origins: [{ collector: id, run, points: 1 }],
  });
  expect(letter?.body).toMatch(/^web,.*n=2.* \d{19}$/);
}

const keyOf = (delivery: string) => `{pythond}:delivery:${delivery}`;

async function waiting(fleet: TestFleet): Promise<number> {
  const outbox = new Outbox(fleet.redis);
  const { points } = await outbox.size();
  await outbox.close();
  return points;
}

async function letters(fleet: TestFleet): Promise<DeadLetter[]> {
  const dead = new DeadLetters(fleet.redis);
  const found: DeadLetter[] = [];
  for await (const { id } of dead.heads()) {
    const letter = await dead.get(id);
    if (letter) found.push(letter);
  }
  await dead.close();
  return found;
}

/** The time at the end of a line of line protocol. */
function timeOf(line: string): string {
  return line.slice(line.lastIndexOf(' ') + 1);
}
