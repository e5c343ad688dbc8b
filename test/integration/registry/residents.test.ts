import {
  type CollectorId,
  type CollectorRecord,
  type ResidentPlan,
  type RunRecord,
  residentId,
  schedulerId,
} from '@pythond/jobs';
import { Ledger } from '@pythond/ledger';
import { Collectors, Inputs, keys, Leases, Residents, type WantedResident } from '@pythond/registry';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { startTestRedis, type TestRedis } from '../../support/redis.ts';

let server: TestRedis;
let residents: Residents;
let collectors: Collectors;
let leases: Leases;

beforeAll(async () => {
  server = await startTestRedis();
  residents = new Residents(server.redis);
  collectors = new Collectors(server.redis);
  leases = new Leases(server.redis);
});
afterAll(() => server.stop());
beforeEach(() => server.redis.flushall());

const EVERY_MS = 1_000;
const idOf = (name: string) => `r/r/r:${name}` as CollectorId;

function collector(name: string, more: Partial<CollectorRecord> = {}): CollectorRecord {
  return {
    ...{
      v: 1,
      id: idOf(name),
      input: 'r',
      inputNumber: 1,
      key: `r/r:${name}`,
      module: 'r',
      class: name,
      name,
    },
    ...{ everyMs: EVERY_MS, timeoutMs: 300_000, paused: false, offsetMs: 7, pool: 'default' },
    ...{ isolation: 'resident', resident: { code: 'asked', message: 'asked' } },
    ...more,
  };
}

const planOf = (...records: CollectorRecord[]): ResidentPlan => ({
  ...{ v: 1, input: 'r', number: records[0]?.inputNumber ?? 1, pool: 'default', collectors: records },
});

async function want(...records: CollectorRecord[]): Promise<WantedResident> {
  await collectors.register(records);
  await residents.put(planOf(...records));
  const [wanted] = await residents.free('default', 0, 1);
  if (!wanted) throw new Error('nothing is free');
  return wanted;
}

async function claim(wanted: WantedResident, worker: string): Promise<string> {
  const claimed = await residents.claim(wanted, worker);
  if (claimed.kind !== 'claimed') throw new Error(claimed.kind);
  return claimed.lease;
}

const claimRun = (name: string, kind: 'grid' | 'manual' = 'grid') => {
  const scheduler = schedulerId(idOf(name));
  return leases.claim({
    ...{ scheduler, jobId: `${kind}-${scheduler}`, worker: 'w', dueMs: 5_007, kind, knownVersion: '' },
  });
};

const free = async () => (await residents.free('default', 0, 10)).map(({ id }) => id);

function record(name: string, more: Partial<RunRecord> = {}): RunRecord {
  return {
    ...{ v: 1, id: `pass-${name}`, collector: idOf(name), kind: 'grid', dueMs: 10_007, startedMs: 10_010 },
    ...{ endedMs: 10_100, attempt: 1, worker: 'w1', outcome: { kind: 'running' }, sandbox: 'strict' },
    phases: { lagMs: 3, prepareMs: 0, forkMs: 0, runMs: 90, normaliseMs: 0, deliverMs: 0 },
    ...{ cpuMs: 1, maxRssKb: 0, points: { reported: 0, delivered: 0, queued: 0, dead: 0 } },
    ...{ warnings: [], error: null, hint: null, stdout: '', stderr: '', stdoutBytes: 0, stderrBytes: 0 },
    resident: true,
    ...more,
  };
}

describe('a resident', () => {
  it('is held by one worker, with the leases of all its collectors', async () => {
    const wanted = await want(collector('A'), collector('B'));
    const lease = await claim(wanted, 'w1');
    expect(await residents.claim(wanted, 'w2')).toEqual({ kind: 'held' });
    expect(await free()).toEqual([]);
    for (const name of ['A', 'B']) {
      expect(await server.redis.get(keys.lease(schedulerId(idOf(name))))).toBe(lease);
    }
    expect(await residents.keep(wanted, lease)).toBe('unchanged');
    expect(await residents.view('r', 1)).toMatchObject({ worker: 'w1', starts: 1, crashes: 0 });
    await residents.release(wanted, lease, 0);
    expect(await free()).toEqual([wanted.id]);
    const next = await claim(wanted, 'w2');
    expect(next).not.toBe(lease);
    expect(await residents.keep(wanted, lease)).toBe('lost');
  });

  it('is claimed by one of many that try at once', async () => {
    const wanted = await want(collector('A'));
    const claims = await Promise.all(Array.from({ length: 50 }, (_, n) => residents.claim(wanted, `w${n}`)));
    expect(claims.filter(({ kind }) => kind === 'claimed')).toHaveLength(1);
    expect(claims.filter(({ kind }) => kind === 'held')).toHaveLength(49);
  });

  it('excludes a run of its collector, and is excluded by one that goes on', async () => {
    const run = collector('A', { isolation: 'run', resident: null });
    await collectors.register([run]);
    const held = await claimRun('A');
    if (held.kind !== 'claimed') throw new Error(held.kind);
    const wanted = await want(collector('A'), collector('B'));
    expect(await residents.claim(wanted, 'w1')).toEqual({ kind: 'busy' });
    expect(await server.redis.exists(keys.lease(schedulerId(idOf('B'))))).toBe(0); // all or none
    await leases.giveBack(schedulerId(idOf('A')), held.lease);
    await claim(wanted, 'w1');
    for (const kind of ['grid', 'manual'] as const) {
      expect(await claimRun('A', kind)).toMatchObject({ kind: 'skipped', reason: 'resident' });
    }
    await collectors.register([run]); // a run again, while the resident is not gone yet
    expect(await claimRun('A')).toMatchObject({ kind: 'skipped', reason: 'overlap' });
  });

  it('is free again when its worker does not hold on to it', async () => {
    const wanted = await want(collector('A'));
    await claim(wanted, 'w1');
    // as if the lease had run out: its time comes with Redis' clock, which a test does not wait for
    await server.redis.zadd(keys.residentsOf('default'), Date.now() - 1, wanted.id);
    await server.redis.del(keys.lease(schedulerId(idOf('A'))));
    await claim(wanted, 'w2');
  });

  it("is held by Redis' clock, whatever a worker's own says", async () => {
    const wanted = await want(collector('A'));
    const clock = vi.spyOn(Date, 'now').mockReturnValue(1_000);
    try {
      const lease = await claim(wanted, 'slow');
      expect(await residents.keep(wanted, lease)).toBe('unchanged');
      clock.mockReturnValue(4_000_000_000_000);
      expect(await residents.claim(wanted, 'fast')).toEqual({ kind: 'held' });
      expect(await free()).toEqual([]);
      await residents.release(wanted, lease, 0);
      clock.mockReturnValue(1_000);
      expect(await free()).toEqual([wanted.id]);
    } finally {
      clock.mockRestore();
    }
  });

  it('is left alone for as long as its back-off says', async () => {
    const wanted = await want(collector('A'));
    const lease = await claim(wanted, 'w1');
    expect(await residents.noteCrash(wanted.id, 'exit code 3', false)).toBe(1);
    expect(await residents.noteCrash(wanted.id, 'exit code 3', false)).toBe(2);
    expect(await residents.noteCrash(wanted.id, 'exit code 4', true)).toBe(1);
    await residents.release(wanted, lease, 60_000);
    expect(await free()).toEqual([]);
    expect(await residents.claim(wanted, 'w2')).toEqual({ kind: 'held' });
    expect(await residents.view('r', 1)).toMatchObject({
      ...{ worker: null, crashes: 3, lastCrash: { cause: 'exit code 4' } },
    });
    await residents.put(planOf(collector('A', { everyMs: 2_000 }))); // another plan may do better
    await eventually('it to be free', async () => (await free()).includes(wanted.id));
  });

  it('tells its worker what has become of it', async () => {
    const wanted = await want(collector('A'));
    const lease = await claim(wanted, 'w1');
    await residents.put(planOf(collector('A')));
    expect(await residents.keep(wanted, lease)).toBe('unchanged');
    await residents.put(planOf(collector('A'), collector('B')));
    expect(await residents.keep(wanted, lease)).toBe('changed');
    expect(await residents.claim(wanted, 'w2')).toEqual({ kind: 'changed' });
    await residents.remove(wanted.id, 'default');
    expect(await residents.keep(wanted, lease)).toBe('unwanted');
    expect(await residents.claim(wanted, 'w2')).toEqual({ kind: 'gone' });
    await residents.release(wanted, lease, 0);
    expect(await server.redis.keys('*resident*')).toEqual([]);
    const again = await want(collector('A'));
    await claim(again, 'w1');
    await server.redis.flushall();
    expect(await residents.keep(again, lease)).toBe('unwanted');
  });

  it('has a place of its own for each version of its input', async () => {
    await want(collector('A'));
    await residents.put(planOf(collector('B', { inputNumber: 2 })));
    expect((await free()).sort()).toEqual([residentId('r', 1), residentId('r', 2)].sort());
    expect(await residents.count('default')).toBe(2);
  });
});

describe('a call of run() in a resident', () => {
  const begin = (lease: string, dueMs: number, kind: 'grid' | 'first' | 'going-on' = 'grid') =>
    residents.passGoesOn({
      ...{ lease, kind, offsetMs: 7, points: [] },
      record: record('A', { dueMs, startedMs: dueMs, kind: kind === 'first' ? 'first' : 'grid' }),
    });
  const counts = async () => (await collectors.get(idOf('A')))?.counts;

  it('counts each tick of its grid once: run, skipped, missed', async () => {
    const wanted = await want(collector('A'));
    const lease = await claim(wanted, 'w1');
    await begin(lease, 9_500, 'first');
    await begin(lease, 10_007);
    await begin(lease, 11_007);
    expect(await counts()).toEqual({ due: 2, run: 2 });
    await begin(lease, 14_007); // the one before took more than two intervals
    expect(await counts()).toEqual({ due: 5, run: 3, skipped: 2, 'skipped:overlap': 2 });
    await residents.release(wanted, lease, 0);
    const next = await claim(wanted, 'w2');
    await begin(next, 15_500, 'first');
    await begin(next, 18_007); // at 15,007 there was no process, at 16,007 and 17,007 it was busy
    expect(await counts()).toEqual({ due: 9, run: 4, skipped: 4, 'skipped:overlap': 4, missed: 1 });
  });

  it('that goes on is shown, and its ticks are skipped', async () => {
    const wanted = await want(collector('A'));
    const lease = await claim(wanted, 'w1');
    const startedMs = Date.now() - 3_600_000;
    const running = record('A', { kind: 'first', dueMs: startedMs, startedMs });
    const points = [{ endpoint: 'http://dk:9529', emitted: 5, accepted: 5 }];
    await residents.passGoesOn({ lease, kind: 'first', offsetMs: 7, record: running, points: [] });
    await residents.passGoesOn({ lease, kind: 'going-on', offsetMs: 7, record: running, points });
    const { due = 0, skipped } = (await counts()) ?? {};
    expect(skipped).toBe(due);
    expect(due).toBeGreaterThanOrEqual(3_600);
    expect((await collectors.get(idOf('A')))?.running).toEqual(running);
    expect(await collectors.runs(idOf('A'), 10)).toEqual([]);
    const later = { ...running, endedMs: running.endedMs + 1 };
    for (let time = 0; time < 2; time += 1) {
      // the second time, because the answer to the first was lost
      await residents.passGoesOn({ lease, kind: 'going-on', offsetMs: 7, record: later, points });
    }
    const [entry] = await new Ledger(server.redis).entries();
    expect(entry).toMatchObject({ endpoint: 'http://dk:9529', counts: { emitted: 10, accepted: 10 } });

    const ended = record('A', { kind: 'first', outcome: { kind: 'succeeded' } });
    const output = { stdout: 'long', stderr: '' };
    for (let time = 0; time < 2; time += 1) {
      expect(await residents.passEnded({ lease, record: ended, output, points })).toBe(true);
    }
    expect(await collectors.get(idOf('A'))).toMatchObject({ running: null, lastOutcome: 'succeeded' });
    expect(await collectors.runs(idOf('A'), 10)).toEqual([ended]);
    expect(await collectors.output(idOf('A'), ended.id)).toMatchObject({ stdout: 'long' });
    expect((await new Ledger(server.redis).entries())[0]?.counts.emitted).toBe(15);
  });

  it('is lost with its worker, and its tick with it', async () => {
    const wanted = await want(collector('A'));
    const lease = await claim(wanted, 'w1');
    await begin(lease, 10_007);
    expect(await residents.going(idOf('A'))).toMatchObject({ dueMs: 10_007 });
    const lost = record('A', { outcome: { kind: 'lost' } });
    await residents.passEnded({ lease, record: lost, output: null, points: [] });
    expect(await counts()).toEqual({ due: 1, run: 0, lost: 1 });
    expect(await residents.going(idOf('A'))).toBeNull();
  });

  it('of a worker that lost its lease changes nothing but what became of its points', async () => {
    const wanted = await want(collector('A'));
    const old = await claim(wanted, 'w1');
    await residents.release(wanted, old, 0);
    await claim(wanted, 'w2');
    const ended = record('A', { outcome: { kind: 'succeeded' } });
    const points = [{ endpoint: 'http://dk:9529', emitted: 2, accepted: 2 }];
    expect(await begin(old, 10_007)).toBe(false);
    expect(await residents.passEnded({ lease: old, record: ended, output: null, points })).toBe(false);
    expect(await counts()).toEqual({ stale: 1 });
    expect(await collectors.runs(idOf('A'), 10)).toEqual([]);
    expect((await new Ledger(server.redis).entries())[0]?.counts).toMatchObject({ emitted: 2, accepted: 2 });
  });
});

describe('the decision that an input has to be resident', () => {
  const content = {
    ...{ key: 'r', name: 'r', cmd: 'python3', envs: null, modules: [], roots: [], tags: {} },
    ...{ bundle: 'a'.repeat(64), isolation: 'auto' as const, state: true, pool: 'default', datakit: null },
    ...{ destinations: null, integers: 'float' as const, intervalMs: null, timeoutMs: null, align: false },
    ...{ paused: false, scope: 'fleet' as const, policy: {} },
  };
  const put = async (inputs: Inputs, more: object = {}) => {
    const whole = { ...content, ...more } as unknown as Parameters<Inputs['put']>[0];
    await inputs.put(whole, { file: 'conf.d/r.conf', commit: null });
    const record = await inputs.latest('r');
    if (!record) throw new Error('no record');
    return record;
  };
  const thread = { code: 'thread', message: 'importing a left a thread running' };

  it('stays over restarts with its first reason, until the bundle or `isolation` changes', async () => {
    const inputs = new Inputs(server.redis);
    const record = await put(inputs);
    expect(await inputs.residentReason(record)).toBeNull();
    await inputs.decideResident(record, thread);
    await inputs.decideResident(record, { code: 'socket', message: 'another' });
    const fresh = new Inputs(server.redis);
    expect(await fresh.residentReason(record)).toEqual(thread);
    expect(await fresh.residentReason(await put(inputs, { tags: { a: 'b' } }))).toEqual(thread);
    expect(await fresh.residentReason(await put(inputs, { bundle: 'b'.repeat(64) }))).toBeNull();
    const back = await put(inputs);
    await inputs.decideResident(back, thread);
    await put(inputs, { isolation: 'run' });
    expect(await fresh.residentReason(await put(inputs))).toBeNull();
  });

  it('is not overwritten by what a run of an earlier version tells', async () => {
    const inputs = new Inputs(server.redis);
    const first = await put(inputs);
    await inputs.tookOver('r', first.number, 1);
    const second = await put(inputs, { bundle: 'b'.repeat(64) });
    await inputs.decideResident(first, thread); // it is in force still
    expect(await inputs.residentReason(first)).toEqual(thread);
    const socket = { code: 'socket', message: 'another' };
    await inputs.decideResident(second, socket);
    await inputs.decideResident(first, thread);
    expect(await inputs.residentReason(second)).toEqual(socket);
    const third = await put(inputs, { bundle: 'c'.repeat(64) });
    await inputs.tookOver('r', third.number, 2);
    await inputs.decideResident(second, thread);
    expect(await inputs.residentReason(second)).toEqual(socket); // what it was, not what came too late
    await inputs.decideResident(third, thread);
    await inputs.decideResident(first, socket);
    expect(await inputs.residentReason(third)).toEqual(thread);
  });

  it('counts time-outs, and who changed a name first', async () => {
    const inputs = new Inputs(server.redis);
    const record = await put(inputs);
    const one = collector('A');
    expect(await inputs.stillReporting(one)).toBe(1);
    expect(await inputs.stillReporting(one)).toBe(2);
    expect(await inputs.stillReporting({ ...one, inputNumber: 2 })).toBe(1);
    expect(await inputs.firstToChange(record, 'c.TOTAL', 'A')).toBe('A');
    expect(await inputs.firstToChange(record, 'c.TOTAL', 'B')).toBe('A');
    expect(await inputs.firstToChange({ ...record, number: 2 }, 'c.TOTAL', 'B')).toBe('B');
  });
});
