import { type CollectorId, type CollectorRecord, type RunRecord, schedulerId } from '@pythond/jobs';
import {
  Collectors,
  Fleet,
  GatheredLags,
  keys,
  Leases,
  tickCounts,
  unaccountedTicks,
  type WorkerView,
} from '@pythond/registry';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startTestRedis, type TestRedis } from '../../support/redis.ts';

const id = 'web/Demo/demo:Demo' as CollectorId;
const scheduler = schedulerId(id);
const EVERY_MS = 1_000;
const due = 1_800_000_000_017;
const record: CollectorRecord = {
  ...{ v: 1, id, input: 'web', inputNumber: 1, key: 'Demo/demo:Demo', module: 'demo', class: 'Demo' },
  ...{ name: 'Demo', everyMs: EVERY_MS, timeoutMs: 300_000, paused: false, offsetMs: 17, pool: 'default' },
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

const claim = (tick: number, kind: 'grid' | 'manual' = 'grid', takenMs = tick) =>
  leases.claim({
    ...{ scheduler, worker: 'w', dueMs: tick, kind, knownVersion: '', takenMs },
    jobId: kind === 'grid' ? `repeat:${scheduler}:${tick}` : `manual-${scheduler}-${tick}`,
  });

async function started(tick: number, kind: 'grid' | 'manual' = 'grid', takenMs = tick): Promise<string> {
  const claimed = await claim(tick, kind, takenMs);
  if (claimed.kind !== 'claimed') throw new Error(`not claimed: ${JSON.stringify(claimed)}`);
  return claimed.lease;
}

const end = (lease: string) => leases.release({ scheduler, lease, record: runRecord(), output: null });
/** As when its worker died so long ago that the lease has run out. */
const expire = () => server.redis.del(keys.lease(scheduler));

const counts = async () => {
  const view = await collectors.get(id);
  return { ...tickCounts(view?.counts ?? {}), open: view?.openDueMs !== null };
};
const none = { due: 0, run: 0, skipped: {}, missed: 0, lost: 0, late: 0, rerun: 0, open: false };

describe('a tick', () => {
  it('is run, and open until its end is recorded', async () => {
    const lease = await started(due);
    expect(await counts()).toEqual({ ...none, due: 1, run: 1, open: true });
    expect(await end(lease)).toBe(true);
    expect(await counts()).toEqual({ ...none, due: 1, run: 1 });
  });

  it('is late, too, when it is taken more than one interval after it was due', async () => {
    await end(await started(due, 'grid', due + EVERY_MS));
    await end(await started(due + EVERY_MS, 'grid', due + 2 * EVERY_MS + 1));
    expect(await counts()).toEqual({ ...none, due: 2, run: 2, late: 1 });
  });

  it('is skipped for a reason, and stays so when its job comes again', async () => {
    const lease = await started(due);
    for (let time = 0; time < 2; time += 1) await claim(due + EVERY_MS);
    await end(lease);
    expect(await claim(due + EVERY_MS)).toMatchObject({ kind: 'skipped', reason: 'counted' });
    await collectors.register([{ ...record, paused: true }]);
    for (let time = 0; time < 2; time += 1) await claim(due + 2 * EVERY_MS);
    expect(await counts()).toEqual({ ...none, due: 3, run: 1, skipped: { overlap: 1, paused: 1 } });
  });

  it('that was missed since a later one was taken first is not run after it', async () => {
    const lease = await started(due);
    expect(await claim(due + 2 * EVERY_MS)).toMatchObject({ kind: 'skipped', reason: 'overlap' });
    await end(lease);
    expect(await claim(due + EVERY_MS)).toMatchObject({ kind: 'skipped', reason: 'counted' });
    expect(await counts()).toEqual({ ...none, due: 3, run: 1, skipped: { overlap: 1 }, missed: 1 });
  });

  it('is lost when a later one starts and its own end was never recorded, though its job never comes again', async () => {
    await started(due);
    await expire();
    expect(await counts()).toEqual({ ...none, due: 1, run: 1, open: true });
    const stale = await started(due + EVERY_MS);
    await expire();
    await end(await started(due + 2 * EVERY_MS));
    expect(await end(stale)).toBe(false);
    expect(await claim(due)).toEqual({ kind: 'lost' });
    expect(await counts()).toEqual({ ...none, due: 3, run: 1, lost: 2 });
  });

  it('that is recorded does not run again, though a run by hand was recorded since', async () => {
    await end(await started(due));
    await end(await started(due, 'manual'));
    expect(await claim(due)).toMatchObject({ kind: 'skipped', reason: 'done' });
    expect(await counts()).toEqual({ ...none, due: 1, run: 1 });
  });
});

describe('ticks that nobody wanted', () => {
  const after = due + 100 * EVERY_MS;

  it('while it was gone are not missed', async () => {
    await end(await started(due));
    await collectors.remove([id]);
    await collectors.register([record]);
    await end(await started(after));
    expect(await counts()).toEqual({ ...none, due: 2, run: 2 });
  });

  it('are those of an interval that it had not at the time, or of another phase', async () => {
    await end(await started(due));
    await collectors.register([{ ...record, everyMs: 100 }]);
    await end(await started(due + EVERY_MS));
    await end(await started(due + EVERY_MS + 250)); // its offset was changed
    await end(await started(due + EVERY_MS + 450));
    expect(await counts()).toEqual({ ...none, due: 5, run: 4, missed: 1 });
  });
});

describe('the counts', () => {
  it('of earlier versions, without reasons, stay in the sum', async () => {
    await server.redis.hset(keys.collector(scheduler), { 'n:due': 7, 'n:run': 4, 'n:skipped': 3 });
    const lease = await started(due);
    await claim(due + EVERY_MS);
    await end(lease);
    expect(await counts()).toEqual({ ...none, due: 9, run: 5, skipped: { overlap: 1, unknown: 3 } });
    expect((await collectors.get(id))?.counts).toMatchObject({ skipped: 4 });
  });

  it('add up whatever happens, and each tick runs at most once unless its worker dies', async () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('tick' as const), after: fc.integer({ min: 1, max: 4 }) }),
      fc.record({ kind: fc.constantFrom('end', 'die', 'expire', 'give-back', 'manual') }),
      fc.record({ kind: fc.constant('again' as const), before: fc.integer({ min: 0, max: 6 }) }),
      fc.record({ kind: fc.constantFrom('pause', 'resume', 'edit') }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        await server.redis.flushall();
        await collectors.register([record]);
        const world = new World();
        for (const one of steps) {
          await world.take(one as Step);
          const view = await collectors.get(id);
          const now = tickCounts(view?.counts ?? {});
          expect(unaccountedTicks(now), JSON.stringify(now)).toBe(0);
          expect(Math.min(now.due, now.run, now.missed, now.lost, now.late)).toBeGreaterThanOrEqual(0);
          // what is counted as run was recorded, or goes on, or is to come again
          expect(now.run).toBe(world.recorded.size + (view?.openDueMs ? 1 : 0));
        }
      }),
      { numRuns: 60 },
    );
  });
});

type Step =
  | { readonly kind: 'tick'; readonly after: number }
  | { readonly kind: 'again'; readonly before: number }
  | { readonly kind: 'end' | 'die' | 'expire' | 'give-back' | 'manual' | 'pause' | 'resume' | 'edit' };

/** Workers that take, finish and forget ticks of one collector. */
class World {
  /** Jobs of the grid whose runs are in the history. */
  readonly recorded = new Set<string>();
  #now = due;
  #record = record;
  #held: { readonly lease: string; readonly tick: number | null } | null = null;

  async take(step: Step): Promise<void> {
    switch (step.kind) {
      case 'tick':
        this.#now += step.after * this.#record.everyMs;
        return this.#claim(this.#now, 'grid');
      case 'again':
        return this.#claim(this.#now - step.before * this.#record.everyMs, 'grid');
      case 'manual':
        return this.#claim(this.#now, 'manual');
      case 'end':
        return this.#end();
      case 'die':
        this.#held = null;
        return;
      case 'expire':
        await expire();
        return;
      case 'give-back':
        if (this.#held) await leases.giveBack(scheduler, this.#held.lease);
        this.#held = null;
        return;
      default:
        return this.#edit(step.kind);
    }
  }

  async #claim(tick: number, kind: 'grid' | 'manual'): Promise<void> {
    const isRecorded = this.recorded.has(String(tick));
    const claimed = await claim(tick, kind);
    if (claimed.kind !== 'claimed') return;
    if (kind === 'grid') expect(isRecorded, 'run though it was recorded').toBe(false);
    this.#held = { lease: claimed.lease, tick: kind === 'grid' ? tick : null };
  }

  async #end(): Promise<void> {
    if (!this.#held) return;
    const { lease, tick } = this.#held;
    this.#held = null;
    if ((await end(lease)) && tick !== null) this.recorded.add(String(tick));
  }

  async #edit(kind: 'pause' | 'resume' | 'edit'): Promise<void> {
    const everyMs = kind === 'edit' ? (this.#record.everyMs === 500 ? EVERY_MS : 500) : this.#record.everyMs;
    this.#record = { ...this.#record, everyMs, paused: kind === 'pause' };
    await collectors.register([this.#record]);
  }
}

describe('the lag of a pool', () => {
  const worker: WorkerView = {
    ...{ name: 'w', host: 'h', pid: 1, version: '1', startedMs: 1, pools: ['a', 'b c'], concurrency: 1 },
    ...{ running: 0, runs: 0, sandbox: 'none' },
  };

  it('is gathered by workers, and added with their heartbeats', async () => {
    const fleet = new Fleet(server.redis);
    const gathered = new GatheredLags();
    for (const lagMs of [0, 1, 3, 100, 300_000]) gathered.of('a').observe(lagMs);
    const taken = gathered.take();
    gathered.putBack(taken); // Redis was away
    gathered.of('a').observe(3);
    gathered.of('b c').observe(5);
    await fleet.beat(worker, gathered.take());
    gathered.of('a').observe(2);
    await fleet.beat(worker, gathered.take());
    await fleet.beat(worker, gathered.take());
    const [a, b, ...more] = await fleet.lags();
    expect(more).toEqual([]);
    expect(a).toMatchObject({ pool: 'a', lag: { total: 7, max: 300_000 } });
    expect([0.25, 0.5, 0.8, 1].map((q) => a?.lag.quantile(q))).toEqual([1, 4, 128, Number.POSITIVE_INFINITY]);
    expect(b).toMatchObject({ pool: 'b c', lag: { total: 1, max: 5 } });
  });
});

function runRecord(): RunRecord {
  return {
    ...{ v: 1, id: 'run', collector: id, kind: 'grid', dueMs: due, startedMs: due, endedMs: due + 5 },
    ...{ attempt: 1, worker: 'w', outcome: { kind: 'succeeded' }, sandbox: 'none' },
    phases: { lagMs: 1, prepareMs: 1, forkMs: 1, runMs: 2, normaliseMs: 0, deliverMs: 1 },
    ...{ cpuMs: 1, maxRssKb: 1, points: { reported: 0, delivered: 0, queued: 0, dead: 0 } },
    ...{ warnings: [], error: null, hint: null, stdout: '', stderr: '', stdoutBytes: 0, stderrBytes: 0 },
  };
}
