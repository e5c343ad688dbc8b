import { type CollectorId, type CollectorRecord, type RunRecord, schedulerId } from '@pythond/jobs';
import { Ledger, sumOf } from '@pythond/ledger';
import { Collectors, keys, Leases, States, stateVersionOf } from '@pythond/registry';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { startTestRedis, type TestRedis } from '../../support/redis.ts';

const id = 'web/Demo/demo:Demo' as CollectorId;
const scheduler = schedulerId(id);
const record: CollectorRecord = {
  v: 1,
  id,
  input: 'web',
  inputNumber: 1,
  key: 'Demo/demo:Demo',
  module: 'demo',
  class: 'Demo',
  name: 'Demo',
  everyMs: 1_000,
  timeoutMs: 300_000,
  paused: false,
  offsetMs: 17,
  pool: 'default',
};

let server: TestRedis;
let leases: Leases;
let collectors: Collectors;

beforeAll(async () => {
  server = await startTestRedis();
  leases = new Leases(server.redis);
  collectors = new Collectors(server.redis);
});
afterAll(() => server.stop());
beforeEach(async () => {
  await server.redis.flushall();
  await collectors.register([record]);
});

const due = 1_800_000_000_017;
const claim = (tick: number, worker = 'a', kind: 'grid' | 'first' | 'manual' = 'grid') =>
  leases.claim({
    scheduler,
    jobId: kind === 'grid' ? `repeat:${scheduler}:${tick}` : `${kind}-${scheduler}-${tick}`,
    worker,
    dueMs: tick,
    kind,
    knownVersion: '',
  });

const runRecord = (dueMs: number): RunRecord => ({
  v: 1,
  id: `repeat:${scheduler}:${dueMs}`,
  collector: id,
  kind: 'grid',
  dueMs,
  startedMs: dueMs,
  endedMs: dueMs + 5,
  attempt: 1,
  worker: 'a',
  outcome: { kind: 'succeeded' },
  sandbox: 'none',
  phases: { lagMs: 1, prepareMs: 1, forkMs: 1, runMs: 2, normaliseMs: 0, deliverMs: 1 },
  cpuMs: 1,
  maxRssKb: 1,
  points: { reported: 1, delivered: 1, queued: 0, dead: 0 },
  warnings: [],
  error: null,
  hint: null,
  stdout: '',
  stderr: '',
  stdoutBytes: 0,
  stderrBytes: 0,
});

const counts = async () => (await collectors.get(id))?.counts ?? {};
const leaseOf = (claimed: Awaited<ReturnType<typeof claim>>) => {
  if (claimed.kind !== 'claimed') throw new Error(`not claimed: ${JSON.stringify(claimed)}`);
  return claimed.lease;
};

describe('a lease', () => {
  it('is given to one run at a time, over the whole fleet', async () => {
    const all = await Promise.all(
      Array.from({ length: 20 }, (_, worker) => claim(due + worker * 1_000, `w${worker}`)),
    );
    expect(all.filter(({ kind }) => kind === 'claimed')).toHaveLength(1);
    expect(all.filter((one) => one.kind === 'skipped' && one.reason === 'overlap')).toHaveLength(19);
  });

  it('is free again for the next tick once the run was released, and the run is in the history', async () => {
    const lease = leaseOf(await claim(due));
    expect(await leases.release({ scheduler, lease, record: runRecord(due), output: null })).toBe(true);
    expect((await claim(due + 1_000)).kind).toBe('claimed');
    expect(await collectors.runs(id, 10)).toEqual([runRecord(due)]);
  });

  it('is given back once: the same release again, for its answer was lost, changes and counts nothing', async () => {
    const ledger = new Ledger(server.redis);
    const points = [{ endpoint: 'http://dk', emitted: 3, accepted: 3 }];
    const release = async (lease: string) =>
      leases.release({ scheduler, lease, record: runRecord(due), output: null, points });
    const lease = leaseOf(await claim(due));
    for (let time = 0; time < 2; time += 1) expect(await release(lease)).toBe(true);
    const lost = leaseOf(await claim(due + 1_000));
    await server.redis.del(keys.lease(scheduler));
    for (let time = 0; time < 2; time += 1) expect(await release(lost)).toBe(false);
    expect(await collectors.runs(id, 10)).toHaveLength(1);
    expect(await counts()).toMatchObject({ succeeded: 1, stale: 1 });
    expect(sumOf(await ledger.of(id))).toMatchObject({ emitted: 6, accepted: 6 });
  });

  it('counts what a run had reported when it is given back, too', async () => {
    const ledger = new Ledger(server.redis);
    const points = [{ endpoint: 'http://dk', emitted: 3, accepted: 2 }];
    const lease = leaseOf(await claim(due));
    for (let time = 0; time < 2; time += 1)
      await leases.giveBack(scheduler, lease, { collector: id, points });
    expect(sumOf(await ledger.of(id))).toMatchObject({ emitted: 3, accepted: 2 });
  });

  it('is not given to a tick whose run is recorded, when only its job was not completed', async () => {
    const lease = leaseOf(await claim(due));
    await leases.release({ scheduler, lease, record: runRecord(due), output: null });
    expect(await claim(due, 'b')).toMatchObject({ kind: 'skipped', reason: 'done' });
    expect(await counts()).toMatchObject({ due: 1, run: 1 });
  });

  it('hands the record over only when the worker does not know its version', async () => {
    const first = await claim(due);
    if (first.kind !== 'claimed') throw new Error('not claimed');
    expect(JSON.parse(first.record ?? '')).toEqual(record);
    await leases.giveBack(scheduler, first.lease);
    const second = await leases.claim({
      scheduler,
      jobId: 'manual-x-1',
      worker: 'a',
      dueMs: due,
      kind: 'manual',
      knownVersion: first.version,
    });
    expect(second).toMatchObject({ kind: 'claimed', record: null, version: first.version });
  });

  it('is taken over with a new fence by the re-run of its own job, and the old holder can no longer release', async () => {
    const first = await claim(due, 'a');
    if (first.kind !== 'claimed') throw new Error('not claimed');
    const old = first.lease;
    await eventually('the clock to go on', () => Date.now() > first.firstMs);
    const again = await claim(due, 'b');
    expect(again).toMatchObject({ kind: 'claimed', again: true });
    expect(leaseOf(again)).not.toBe(old);
    expect(again).toHaveProperty('firstMs', first.firstMs); // its points get the times of the first try
    expect(await leases.release({ scheduler, lease: old, record: runRecord(due), output: null })).toBe(false);
    expect(await collectors.runs(id, 10)).toEqual([]);
    expect(await counts()).toMatchObject({ due: 1, run: 1, rerun: 1, stale: 1 });
  });

  it('refuses the re-run of a tick as lost when a later one has started since', async () => {
    const old = leaseOf(await claim(due));
    await leases.giveBack(scheduler, old);
    await leases.giveBack(scheduler, leaseOf(await claim(due + 1_000)));
    expect(await claim(due)).toEqual({ kind: 'lost' });
    expect(await counts()).toMatchObject({ due: 2, run: 1, lost: 1 });
  });

  it('is not given while the collector is paused, but for a run by hand', async () => {
    await collectors.register([{ ...record, paused: true }]);
    expect(await claim(due)).toMatchObject({ kind: 'skipped', reason: 'paused' });
    expect((await claim(due, 'a', 'manual')).kind).toBe('claimed');
  });

  it('is not given for a collector that was removed, though its tick was queued already', async () => {
    await collectors.remove([id]);
    expect(await claim(due)).toMatchObject({ kind: 'skipped', reason: 'gone' });
  });

  it('renews only those that are still held', async () => {
    const lease = leaseOf(await claim(due));
    expect(
      await leases.renew([
        { scheduler, lease },
        { scheduler: 'other', lease },
      ]),
    ).toEqual([true, false]);
    expect(await server.redis.pttl(keys.lease(scheduler))).toBeGreaterThan(10_000);
  });
});

describe('the tick counts', () => {
  it('count ticks that were due while no worker was there as missed', async () => {
    const lease = leaseOf(await claim(due));
    await leases.release({ scheduler, lease, record: runRecord(due), output: null });
    await claim(due + 60_000);
    expect(await counts()).toMatchObject({ due: 61, run: 2, missed: 59 });
  });

  it('add up: due is run, skipped, missed or lost', async () => {
    let lease = leaseOf(await claim(due));
    for (const tick of [1, 2, 3]) await claim(due + tick * 1_000);
    await leases.giveBack(scheduler, lease);
    lease = leaseOf(await claim(due + 10_000));
    expect(await claim(due)).toEqual({ kind: 'lost' });
    await leases.giveBack(scheduler, lease);
    const { due: all = 0, run = 0, skipped = 0, missed = 0, lost = 0 } = await counts();
    expect(all).toBe(11);
    expect({ run, skipped, missed, lost }).toEqual({ run: 1, skipped: 3, missed: 6, lost: 1 });
    expect(run + skipped + missed + lost).toBe(all);
  });

  it('survive SCRIPT FLUSH without anybody noticing', async () => {
    await leases.giveBack(scheduler, leaseOf(await claim(due)));
    await server.redis.script('FLUSH');
    expect((await claim(due + 1_000)).kind).toBe('claimed');
  });
});

describe('the state that a run leaves', () => {
  /** Every byte there is, and what a text would lose. */
  const bytes = Buffer.from([...Array(256).keys(), 0xff, 0xfe, 0x00, 0xc3]);
  const take = async (tick: number, knownState = '') => {
    const claimed = await leases.claim({
      scheduler,
      jobId: `repeat:${scheduler}:${tick}`,
      worker: 'a',
      dueMs: tick,
      kind: 'grid',
      knownVersion: '',
      knownState,
    });
    if (claimed.kind !== 'claimed') throw new Error(`not claimed: ${claimed.kind}`);
    return claimed;
  };
  const leave = (lease: string, tick: number, state: Buffer | null) =>
    leases.release({ scheduler, lease, record: runRecord(tick), output: null, state });

  it('is given to the next, byte for byte, unless its worker holds that version', async () => {
    const first = await take(due);
    expect(first).toMatchObject({ stateVersion: '', state: null });
    expect(await leave(first.lease, due, bytes)).toBe(true);

    const second = await take(due + 1_000);
    expect(second).toMatchObject({ stateVersion: stateVersionOf(first.lease), state: bytes });
    expect(await leave(second.lease, due + 1_000, null)).toBe(true);

    const third = await take(due + 2_000, second.stateVersion);
    expect(third).toMatchObject({ stateVersion: second.stateVersion, state: null });
    expect(await leave(third.lease, due + 2_000, Buffer.from('new'))).toBe(true);

    const fourth = await take(due + 3_000, second.stateVersion);
    expect(fourth).toMatchObject({ stateVersion: stateVersionOf(third.lease), state: Buffer.from('new') });
    expect(await leave(fourth.lease, due + 3_000, Buffer.alloc(0))).toBe(true);
    expect(await take(due + 4_000, fourth.stateVersion)).toMatchObject({ stateVersion: '', state: null });
  });

  it('is refused from a worker whose lease is somebody else by now', async () => {
    const first = await take(due);
    await leave(first.lease, due, bytes);
    const stale = await take(due + 1_000);
    await server.redis.del(keys.lease(scheduler)); // it ran out
    const current = await take(due + 2_000);
    expect(await leave(stale.lease, due + 1_000, Buffer.from('stale'))).toBe(false);
    expect(await leave(stale.lease, due + 1_000, Buffer.alloc(0))).toBe(false);
    expect(await leave(current.lease, due + 2_000, null)).toBe(true);
    expect(await take(due + 3_000)).toMatchObject({ state: bytes });
  });

  it('stays as it was when the run is given back', async () => {
    const first = await take(due);
    await leave(first.lease, due, bytes);
    await leases.giveBack(scheduler, (await take(due + 1_000)).lease);
    expect(await take(due + 1_000)).toMatchObject({ again: true, state: bytes });
  });

  it('expires with a collector that is gone, also when a run of it ends later', async () => {
    const first = await take(due);
    await leave(first.lease, due, bytes);
    expect(await server.redis.pttl(keys.state(scheduler))).toBe(-1);
    const second = await take(due + 1_000);
    await collectors.remove([id]);
    expect(await server.redis.pttl(keys.state(scheduler))).toBeGreaterThan(6 * 24 * 3600 * 1000);
    await server.redis.del(keys.state(scheduler));
    await leave(second.lease, due + 1_000, bytes);
    expect(await server.redis.pttl(keys.state(scheduler))).toBeGreaterThan(6 * 24 * 3600 * 1000);
    await collectors.register([record]);
    expect(await server.redis.pttl(keys.state(scheduler))).toBe(-1);
  });

  it('can be looked at, as far as it says itself what it holds, and cleared', async () => {
    const states = new States(server.redis);
    expect(await states.view(scheduler)).toBeNull();
    const header = Buffer.from('{"instance":["n"],"modules":{"m":["T"]}}');
    const headed = Buffer.concat([Buffer.from([0, header.length]), header, bytes]);
    let tick = due;
    for (const [left, names] of [
      [headed, { instance: ['n'], modules: { m: ['T'] }, classes: {} }],
      [bytes, null],
      [Buffer.from([1]), null],
      [Buffer.from('\x00\x04nullx'), null],
    ] as const) {
      const claimed = await take(tick);
      await leave(claimed.lease, tick, left);
      const version = stateVersionOf(claimed.lease);
      expect(await states.view(scheduler)).toEqual({ bytes: left.length, version, atMs: tick + 5, names });
      tick += 1_000;
    }
    expect(await states.clear(scheduler)).toBe(true);
    expect(await states.clear(scheduler)).toBe(false);
    expect(await take(tick)).toMatchObject({ stateVersion: '', state: null });
  });
});
