import { type CollectorId, type CollectorRecord, parseTickId, schedulerId } from '@pythond/jobs';
import { connect, JobWorker, key, type Redis, TickQueue } from '@pythond/queue';
import { correctSchedules } from '@pythond/scheduler';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { startTestRedis, type TestRedis } from '../../support/redis.ts';

const ID = 'a/a/a:A' as CollectorId;
const scheduler = schedulerId(ID);
const QUEUE = 'collect-default';

let server: TestRedis;
let redis: Redis;
let ticks: TickQueue;

beforeAll(async () => {
  server = await startTestRedis();
  redis = server.redis;
  ticks = new TickQueue('default', redis);
});
afterAll(async () => {
  await ticks.close();
  await server.stop();
});
beforeEach(() => redis.flushall());

function collector(more: Partial<CollectorRecord> = {}): CollectorRecord {
  return {
    ...{ v: 1, id: ID, input: 'a', inputNumber: 1, key: 'a/a:A', module: 'a', class: 'A', name: 'A' },
    ...{ everyMs: 200, timeoutMs: 300_000, paused: false, offsetMs: 7, pool: 'default' },
    ...more,
  };
}

const correct = (...records: CollectorRecord[]) => correctSchedules(ticks, records, Date.now());
const schedule = async () => (await ticks.stored()).get(scheduler);

/** Takes ticks; gives when each was due. */
function takeTicks(): number[] {
  const taken: number[] = [];
  const connection = connect(server.target, 'waiting', () => undefined);
  const worker = new JobWorker({
    ...{ queue: QUEUE, connection, concurrency: 4, onError: () => undefined },
    process: async (_data, { id }) => {
      taken.push(parseTickId(id)?.dueMs ?? 0);
      return { kind: 'done' };
    },
  });
  onTestFinished(async () => {
    await worker.stop(0);
    connection.disconnect();
  });
  return taken;
}

describe('the watchdog', () => {
  it('writes what is missing, removes what nobody wants, and leaves the rest alone', async () => {
    expect(await correct(collector())).toEqual({ upserted: { missing: 1 }, removed: 0 });
    const first = await schedule();
    expect(first).toMatchObject({ everyMs: 200, offsetMs: 7, goesOn: true });
    expect(await correct(collector())).toEqual({ upserted: {}, removed: 0 });
    expect(await correct(collector({ resident: { code: 'asked', message: '' } }))).toEqual({
      ...{ upserted: {}, removed: 1 },
    });
    expect(await schedule()).toBeUndefined();
    await correct(collector());
    await redis.flushall();
    expect(await correct(collector())).toEqual({ upserted: { missing: 1 }, removed: 0 });
  });

  it('moves the phase when the offset was edited, and ticks at the new one alone', async () => {
    const taken = takeTicks();
    await correct(collector());
    await eventually('ticks', () => taken.length >= 3);
    expect(await correct(collector({ offsetMs: 111 }))).toEqual({ upserted: { moved: 1 }, removed: 0 });
    const before = taken.length + 1; // one may have been under way
    await eventually('ticks of the new phase', () => taken.length >= before + 3);
    expect(new Set(taken.slice(before).map((due) => due % 200))).toEqual(new Set([111]));
    expect(await correct(collector({ offsetMs: 111 }))).toEqual({ upserted: {}, removed: 0 });
  });

  it('starts a chain again that broke in silence, and on its phase', async () => {
    const taken = takeTicks();
    await correct(collector());
    await eventually('ticks', () => taken.length >= 3);
    // somebody else's job in the place of the next but one: BullMQ tells of a duplicate, and stops
    const next = (await schedule())?.nextMs ?? 0;
    for (const slot of [1, 2, 3, 4])
      await redis.hset(key(QUEUE, `repeat:${scheduler}:${next + slot * 200}`), 'a', 1);
    await eventually('the chain to break', async () => (await schedule())?.goesOn === false);
    const broken = taken.length;
    expect(await correct(collector())).toEqual({ upserted: { broken: 1 }, removed: 0 });
    await eventually('ticks', () => taken.length >= broken + 3);
    expect(new Set(taken.map((due) => due % 200))).toEqual(new Set([7]));
    expect(new Set(taken).size).toBe(taken.length);
  });

  it('brings back a schedule that a fast clock sent far ahead', async () => {
    const now = Date.now();
    const clock = vi.spyOn(Date, 'now').mockReturnValue(now + 60_000);
    try {
      await correct(collector());
    } finally {
      clock.mockRestore();
    }
    expect((await schedule())?.nextMs).toBeGreaterThan(now + 59_000);
    const taken = takeTicks();
    expect(await correct(collector())).toEqual({ upserted: { 'far-ahead': 1 }, removed: 0 });
    await eventually('ticks', () => taken.length >= 3);
  });

  it('takes a tick that waits, or is run now, for what it is: a chain that goes on', async () => {
    let letGo: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const day = 24 * 3600 * 1000;
    const soon = (Date.now() + 300) % day;
    const daily = collector({ everyMs: day, offsetMs: soon });
    await correct(daily);
    const { nextMs = 0 } = (await schedule()) ?? {};
    await eventually('it to be due', () => Date.now() > nextMs);
    expect(await correct(daily)).toEqual({ upserted: {}, removed: 0 }); // nobody takes it
    const connection = connect(server.target, 'waiting', () => undefined);
    onTestFinished(() => connection.disconnect());
    let running = 0;
    const worker = new JobWorker({
      ...{ queue: QUEUE, connection, concurrency: 1, onError: () => undefined },
      process: async () => {
        running += 1;
        await held;
        return { kind: 'done' };
      },
    });
    onTestFinished(() => worker.stop(0));
    await eventually('it to be run', () => running === 1);
    expect(await correct(daily)).toEqual({ upserted: {}, removed: 0 });
    expect((await schedule())?.nextMs).toBe(nextMs + day);
    letGo();
  });
});
