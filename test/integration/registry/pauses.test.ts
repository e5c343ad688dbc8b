import { type CollectorId, type CollectorRecord, schedulerId } from '@pythond/jobs';
import { Collectors, keys, Leases, Pauses, type PauseTarget, Residents } from '@pythond/registry';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startTestRedis, type TestRedis } from '../../support/redis.ts';

const idOf = (name: string, input = 'web') => `${input}/Demo/demo:${name}` as CollectorId;
const collector = (name: string, more: Partial<CollectorRecord> = {}): CollectorRecord => ({
  ...{ v: 1, id: idOf(name, more.input), input: 'web', inputNumber: 1, key: `Demo/demo:${name}` },
  ...{ module: 'demo', class: name, name, everyMs: 1_000, timeoutMs: 300_000, paused: false },
  ...{ offsetMs: 17, pool: 'default' },
  ...more,
});
const resident = { isolation: 'resident', resident: { code: 'asked', message: 'asked' } } as const;
const order = { who: 'anna@host', reason: null };

let server: TestRedis;
let pauses: Pauses;
let collectors: Collectors;
let leases: Leases;
let residents: Residents;

beforeAll(async () => {
  server = await startTestRedis();
  pauses = new Pauses(server.redis);
  collectors = new Collectors(server.redis);
  leases = new Leases(server.redis);
  residents = new Residents(server.redis);
});
afterAll(() => server.stop());
beforeEach(() => server.redis.flushall());

let due = 1_800_000_000_017;
async function claim(name: string, kind: 'grid' | 'manual' = 'grid') {
  const scheduler = schedulerId(idOf(name));
  due += 1_000;
  const jobId = `${kind}-${scheduler}-${due}`;
  const claimed = await leases.claim({ scheduler, jobId, worker: 'w', dueMs: due, kind, knownVersion: '' });
  if (claimed.kind === 'claimed') await leases.giveBack(scheduler, claimed.lease);
  return claimed.kind === 'skipped' ? claimed.reason : claimed.kind;
}
const counts = async (name: string) => (await collectors.get(idOf(name)))?.counts ?? {};

describe('a pause that an operator orders', () => {
  it.each<PauseTarget>([
    { scope: 'collector', name: idOf('A') },
    { scope: 'input', name: 'web' },
    { scope: 'fleet' },
  ])(
    'of %j makes its ticks skipped, each counted, until it is lifted; runs by hand go on',
    async (target) => {
      await collectors.register([collector('A')]);
      expect(await claim('A')).toBe('claimed');
      expect(await pauses.pause([target], order)).toEqual([target]);
      expect(await claim('A')).toBe('paused');
      expect(await claim('A', 'manual')).toBe('claimed');
      await collectors.register([collector('A', { inputNumber: 2 })]); // a new version of its input
      expect(await claim('A')).toBe('paused');
      expect((await collectors.get(idOf('A')))?.pauses).toMatchObject([{ target, ...order }]);
      expect(await pauses.resume([target], [])).toBe(1);
      expect(await claim('A')).toBe('claimed');
      // the end of the first was never recorded
      expect(await counts('A')).toMatchObject({ run: 1, lost: 1, skipped: 2, 'skipped:paused': 2 });
      expect(await pauses.list()).toEqual([]);
    },
  );

  it('of one collector or input leaves the others alone', async () => {
    await collectors.register([collector('A'), collector('B'), collector('C', { input: 'other' })]);
    await pauses.pause(
      [
        { scope: 'collector', name: idOf('A') },
        { scope: 'input', name: 'other' },
      ],
      order,
    );
    expect(await claim('B')).toBe('claimed');
    const held = (await collectors.list()).filter((view) => view.pauses.length > 0);
    expect(held.map(({ record }) => record.class)).toEqual(['C', 'A']);
  });

  it('holds while any of several does', async () => {
    await collectors.register([collector('A')]);
    const narrow: PauseTarget = { scope: 'collector', name: idOf('A') };
    await pauses.pause([narrow, { scope: 'fleet' }], order);
    await pauses.resume([{ scope: 'fleet' }], []);
    expect(await claim('A')).toBe('paused');
    expect(await pauses.resume([narrow], [])).toBe(1);
    expect(await pauses.resume([narrow], [])).toBe(0);
    expect(await claim('A')).toBe('claimed');
  });

  it('stays as the first operator ordered it, unless another gives a reason', async () => {
    const target: PauseTarget = { scope: 'fleet' };
    await pauses.pause([target], { who: 'anna@host', reason: 'disk' });
    expect(await pauses.pause([target], { who: 'ben@host', reason: null })).toEqual([]);
    expect(await pauses.list()).toMatchObject([{ who: 'anna@host', reason: 'disk' }]);
    expect(await pauses.pause([target], { who: 'ben@host', reason: 'move' })).toEqual([target]);
    expect(await pauses.list()).toMatchObject([{ who: 'ben@host', reason: 'move' }]);
  });
});

describe('a pause of residents', () => {
  const plan = (...records: CollectorRecord[]) => ({
    ...{ v: 1 as const, input: 'web', number: 1, pool: 'default', collectors: records },
  });

  it('leaves out the collectors that are paused, and tells the worker that holds the others', async () => {
    const [a, b] = [collector('A', resident), collector('B', resident)];
    await collectors.register([a, b]);
    await residents.put(plan(a, b));
    await pauses.pause([{ scope: 'collector', name: a.id }], order);
    const [wanted] = await residents.free('default', 0, 10);
    if (!wanted) throw new Error('nothing is free');
    expect(wanted.plan.collectors).toEqual([b]);
    const claimed = await residents.claim(wanted, 'w1');
    if (claimed.kind !== 'claimed') throw new Error(claimed.kind);
    expect(await server.redis.exists(keys.lease(schedulerId(a.id)))).toBe(0);
    expect(await residents.keep(wanted, claimed.lease)).toBe('unchanged');
    await pauses.pause([{ scope: 'input', name: 'web' }], order);
    expect(await residents.keep(wanted, claimed.lease)).toBe('paused');
    await residents.release(wanted, claimed.lease, 0);
    expect(await residents.free('default', 0, 10)).toEqual([]);
    await pauses.resume([{ scope: 'input', name: 'web' }], []);
    expect(await residents.free('default', 0, 10)).toEqual([wanted]);
    const again = await residents.claim(wanted, 'w1');
    if (again.kind !== 'claimed') throw new Error(again.kind);
    await pauses.resume([{ scope: 'collector', name: a.id }], []);
    expect(await residents.keep(wanted, again.lease)).toBe('paused');
  });

  it('does not hide the others of the pool', async () => {
    for (let number = 1; number <= 5; number += 1) {
      const one = collector(`C${number}`, { ...resident, input: `in${number}`, inputNumber: number });
      await residents.put({ v: 1, input: one.input, number, pool: 'default', collectors: [one] });
      if (number < 5) await pauses.pause([{ scope: 'input', name: one.input }], order);
    }
    expect((await residents.free('default', 0, 1)).map((one) => one.plan.input)).toEqual(['in5']);
  });

  it('counts the ticks of that time when it is lifted: skipped, and before it missed', async () => {
    const hourMs = 3_600_000;
    const one = collector('A', { ...resident, everyMs: hourMs });
    await collectors.register([one]);
    const hash = keys.collector(schedulerId(one.id));
    const seen = Date.now() - 10.5 * hourMs;
    await server.redis.hset(hash, { seen, 'n:due': 4, 'n:run': 4 });
    const target: PauseTarget = { scope: 'input', name: 'web' };
    await pauses.pause([target, { scope: 'fleet' }], order);
    const text = JSON.stringify({ ...order, atMs: Date.now() - 4.25 * hourMs });
    await server.redis.hset(keys.pauses, 'input:web', text);
    await pauses.resume([{ scope: 'fleet' }], [schedulerId(one.id)]);
    expect(await counts('A')).toEqual({ due: 4, run: 4 }); // paused still
    await pauses.resume([target], [schedulerId(one.id)]);
    expect(await counts('A')).toEqual({ due: 14, run: 4, missed: 6, skipped: 4, 'skipped:paused': 4 });
    expect(Number(await server.redis.hget(hash, 'seen'))).toBe(Math.round(seen) + 10 * hourMs);
  });
});
