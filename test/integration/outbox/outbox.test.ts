import type { DeadLetter, Origin } from '@pythond/jobs';
import { Ledger, type LedgerCounts, noPoints, sumOf, unaccounted } from '@pythond/ledger';
import { DeadLetters, type Loaded, letterOf, Outbox, type WaitingDelivery } from '@pythond/outbox';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startTestRedis, type TestRedis } from '../../support/redis.ts';

const endpoint = 'http://dk:9529';
let server: TestRedis;
let outbox: Outbox;
let dead: DeadLetters;
let ledger: Ledger;

beforeAll(async () => {
  server = await startTestRedis();
  outbox = new Outbox(server.redis);
  dead = new DeadLetters(server.redis);
  ledger = new Ledger(server.redis);
});
afterAll(async () => {
  await outbox.close();
  await dead.close();
  await server.stop();
});
beforeEach(async () => {
  await server.redis.flushall();
});

let used = 0;
/** A number that no other has. */
const unique = () => {
  used += 1;
  return used;
};
const lines = (count: number) =>
  Array.from({ length: count }, (_, n) => `m,n=${n} v=${unique()}i 1700000000000000000`);
const origin = (collector: string, points: number): Origin => ({
  ...{ collector, points, run: `run-${unique()}`, dueMs: 1_700_000_000_000 },
});

function delivery(
  shares: Readonly<Record<string, number>>,
  category = 'metric',
  sinceMs = 1,
): WaitingDelivery {
  const origins = Object.entries(shares).map(([collector, points]) => origin(collector, points));
  const points = lines(origins.reduce((sum, { points: share }) => sum + share, 0));
  const destination = { endpoint, category, query: [], form: 'line-protocol' as const };
  return {
    id: `d${unique()}`,
    destination,
    points,
    origins,
    sinceMs,
    tries: 1,
    reason: 'refused',
    history: [],
  };
}

/** A letter of points of one collector. */
function letter(
  collector: string,
  points: number,
  code = 'invalidLinePoint',
  deadMs = Date.now(),
): DeadLetter {
  const waiting = delivery({ [collector]: points });
  const death = { code, message: `because of ${code}`, answer: null, attempts: 1, deadMs };
  return letterOf(waiting, waiting.points, waiting.origins, death);
}

async function load(id: string) {
  const loaded = await outbox.load(id);
  if (!loaded) throw new Error(`there is no ${id}`);
  return loaded;
}

async function counts(collector: string): Promise<LedgerCounts> {
  return sumOf(await ledger.of(collector));
}

async function letterIds(): Promise<string[]> {
  const ids: string[] = [];
  for await (const { id } of dead.heads()) ids.push(id);
  return ids;
}

describe('a delivery in the outbox', () => {
  it('is what was put there, once, however often it is put', async () => {
    const one = delivery({ a: 2, b: 3 });
    await outbox.wait(one, 0);
    await outbox.wait(one, 0);
    expect((await load(one.id)).delivery).toEqual(one);
    expect(await outbox.size()).toMatchObject({ deliveries: 1, points: 5 });
    expect(await outbox.oldestMs()).toBe(one.sinceMs);
    expect(await counts('a')).toEqual({ ...noPoints(), emitted: 2, queued: 2 });
    expect(await counts('b')).toEqual({ ...noPoints(), emitted: 3, queued: 3 });
  });

  it('leaves no trace when it is withdrawn', async () => {
    const one = delivery({ a: 2 });
    await outbox.wait(one, 0);
    await outbox.withdraw(one.id);
    await outbox.withdraw(one.id);
    expect(await outbox.load(one.id)).toBeNull();
    expect(await outbox.oldestMs()).toBeNull();
    expect(await outbox.size()).toEqual({ deliveries: 0, points: 0, bytes: 0 });
    expect(await counts('a')).toEqual(noPoints());
  });

  it('is settled once: what came second changes nothing', async () => {
    const one = delivery({ a: 4 });
    await outbox.wait(one, 0);
    const loaded = await load(one.id);
    const left = {
      ...one,
      points: one.points.slice(0, 1),
      origins: [{ ...(one.origins[0] as Origin), points: 1 }],
    };
    const accepted = [{ ...(one.origins[0] as Origin), points: 3 }];
    expect(await outbox.settle(loaded, { accepted, letters: [], left })).toBe(true);
    expect(await outbox.settle(loaded, { accepted, letters: [], left: null })).toBe(false);
    expect((await load(one.id)).delivery).toEqual(left);
    expect(await counts('a')).toEqual({ ...noPoints(), emitted: 4, accepted: 3, queued: 1 });
  });

  it('that was sent by a normalizer, and by the worker that had no answer when it put it, is counted once', async () => {
    const one = delivery({ a: 3, b: 2 });
    await outbox.wait(one, 0);
    const loaded = await load(one.id);
    const [first, second] = one.origins;
    if (!first || !second) throw new Error('two have points in it');
    const left = { ...one, points: one.points.slice(3), origins: [second] };
    await outbox.settle(loaded, { accepted: [first], letters: [], left });
    await outbox.wait(one, 0); // for it had no answer
    expect(await counts('a')).toEqual({ ...noPoints(), emitted: 3, queued: 3 });
    expect(await counts('b')).toEqual({ ...noPoints(), emitted: 2, queued: 2 });
    await outbox.settle(await load(one.id), { accepted: one.origins, letters: [], left: null });
    await outbox.withdraw(one.id); // the worker’s own try was accepted, and counts
    expect(await counts('a')).toEqual(noPoints());
    expect(await counts('b')).toEqual(noPoints());
  });

  it('that had to make room while it was tried is counted as what became of it', async () => {
    const full = new Outbox(server.redis, { maxBytes: 900 });
    const one = delivery({ a: 3 });
    await full.wait(one, 0);
    const loaded = await load(one.id);
    await full.wait(delivery({ b: 20 }, 'metric', 2), 0);
    await full.close();
    expect(await counts('a')).toEqual({ ...noPoints(), emitted: 3, dropped: 3 });
    const [first] = one.origins;
    if (!first) throw new Error('somebody has points in it');
    const rest = { ...one, points: one.points.slice(2), origins: [{ ...first, points: 1 }] };
    const settlement = { accepted: [{ ...first, points: 2 }], letters: [], left: rest };
    expect(await outbox.settle(loaded, settlement)).toBe(true);
    expect(await counts('a')).toEqual({ ...noPoints(), emitted: 3, accepted: 2, dropped: 1 });
    expect(await outbox.settle(loaded, settlement)).toBe(false);
    expect(await outbox.load(one.id)).toBeNull();
  });

  it('gets its job back when that is lost', async () => {
    const one = delivery({ a: 1 });
    await outbox.wait(one, 0);
    expect(await outbox.adopt()).toBe(0);
    await server.redis.del(`{pythond}:deliver:${one.id}`);
    expect(await outbox.adopt()).toBe(1);
    expect(await server.redis.hget(`{pythond}:deliver:${one.id}`, 'data')).toContain(one.id);
  });

  it('that is damaged becomes a letter that says so, and its points stay counted', async () => {
    const one = delivery({ a: 2, b: 1 });
    await outbox.wait(one, 0);
    await server.redis.hset(`{pythond}:delivery:${one.id}`, 'body', 'x');
    await expect(outbox.load(one.id)).rejects.toThrow(
      `delivery ${one.id} is damaged in Redis: its checksum does not match`,
    );
    const death = { code: 'corrupt', message: 'damaged', answer: null, attempts: 0, deadMs: 1 };
    await outbox.buryDamaged(one.id, (salvaged, body) => ({
      ...letterOf(salvaged, [], salvaged.origins, death),
      ...{ form: 'reported', body, points: 3 },
    }));
    expect(await counts('a')).toEqual({ ...noPoints(), emitted: 2, dead: 2 });
    const [id = ''] = await letterIds();
    expect(await dead.replay(id, { nowMs: 2 })).toMatchObject({
      kind: 'refused',
      reason: expect.stringContaining('can not be made out'),
    });
  });

  it('makes room when the outbox is full: metrics first, the oldest first, each counted', async () => {
    await outbox.wait(delivery({ log: 5 }, 'logging', 0), 0);
    const { bytes } = await outbox.size();
    await server.redis.flushall();
    const maxBytes = Math.round(bytes * 3.5);
    const small = new Outbox(server.redis, { maxBytes });
    const kept = [
      delivery({ log: 5 }, 'logging', 1),
      delivery({ log: 5 }, 'logging', 2),
      delivery({ new: 5 }, 'metric', 9),
    ];
    const old = [delivery({ old: 5 }, 'metric', 3), delivery({ old: 5 }, 'metric', 4)];
    const dropped: number[] = [];
    for (const one of [kept[0], old[1], old[0], kept[1], kept[2]])
      dropped.push(await small.wait(one as WaitingDelivery, 0));
    await small.close();
    expect(dropped.reduce((sum, count) => sum + count)).toBe(2);
    for (const { id } of kept) expect(await outbox.load(id)).not.toBeNull();
    for (const { id } of old) expect(await outbox.load(id)).toBeNull();
    expect(await counts('old')).toEqual({ ...noPoints(), emitted: 10, dropped: 10 });
    expect((await outbox.size()).bytes).toBeLessThanOrEqual(maxBytes);
  });
});

describe('dead letters', () => {
  it('are listed newest first, by collector, reason, category and time, and read whole', async () => {
    const letters = [
      letter('in/a:A', 1, 'late', 10),
      letter('in/b:B', 2, 'bad', 20),
      letter('in/a:A', 3, 'bad', 30),
    ];
    await outbox.bury(letters);
    await outbox.bury(letters); // the same refusals again
    const listed = async (filter = {}) => {
      const found: number[] = [];
      for await (const head of dead.heads(filter)) found.push(head.points);
      return found;
    };
    expect(await listed()).toEqual([3, 2, 1]);
    expect(await listed({ collector: 'a:A' })).toEqual([3, 1]);
    expect(await listed({ code: 'bad', sinceMs: 25 })).toEqual([3]);
    expect(await listed({ beforeMs: 20 })).toEqual([1]);
    expect(await listed({ category: 'logging' })).toEqual([]);
    const [id = ''] = await letterIds();
    expect(await dead.get(id)).toEqual(letters[2]);
    expect(await dead.idsFrom(id.slice(0, 12))).toEqual([id]);
    expect(await counts('in/a:A')).toEqual({ ...noPoints(), emitted: 4, late: 1, dead: 3 });
  });

  it('are replayed as they were, with what they died of, to where they were meant for', async () => {
    const one = letter('a', 2);
    await outbox.bury([one]);
    const [id = ''] = await letterIds();
    expect(await dead.replay(id, { nowMs: 99 })).toEqual({ kind: 'replayed', id, points: 2 });
    expect(await dead.replay(id, { nowMs: 99 })).toEqual({ kind: 'gone', id });
    const [waiting = ''] = await server.redis.zrange('{pythond}:deliveries', '0', '-1');
    const { delivery: revived } = await load(waiting);
    expect(revived.points.join('\n')).toBe(one.body);
    expect(revived).toMatchObject({
      destination: { endpoint },
      history: [{ code: 'invalidLinePoint', attempts: 1, replayedMs: 99 }],
    });
    expect(await counts('a')).toEqual({ ...noPoints(), emitted: 2, queued: 2 });
    expect(await server.redis.exists(`{pythond}:deliver:${waiting}`)).toBe(1);
  });

  it('of one run are each their own, though they say the same', async () => {
    const same = letter('a', 1);
    await outbox.bury([same, same], 0);
    await outbox.bury([same], 2);
    await outbox.bury([same], 2); // a re-run
    expect(await dead.count()).toBe(3);
    expect(await counts('a')).toEqual({ ...noPoints(), emitted: 3, dead: 3 });
  });

  it('that say the same are still two when they were replayed and are refused again', async () => {
    const same = letter('a', 1);
    await outbox.bury([same, same]);
    const ids = await letterIds();
    for (const id of ids) await dead.replay(id, { nowMs: 1 });
    for (const id of await server.redis.zrange('{pythond}:deliveries', '0', '-1')) {
      const loaded = await load(id);
      const death = { code: 'bad', message: '', answer: null, attempts: 1, deadMs: 1 };
      const letters = [letterOf(loaded.delivery, loaded.delivery.points, loaded.delivery.origins, death)];
      await outbox.settle(loaded, { accepted: [], letters, left: null });
    }
    expect((await letterIds()).sort()).toEqual([...ids].sort());
    expect(await counts('a')).toEqual({ ...noPoints(), emitted: 2, dead: 2 });
  });

  it('and deliveries that are damaged beyond recognition can still be ended', async () => {
    await outbox.bury([letter('a', 1)]);
    await outbox.wait(delivery({ a: 1 }), 0);
    const [id = ''] = await letterIds();
    const [waiting = ''] = await server.redis.zrange('{pythond}:deliveries', '0', '-1');
    await server.redis.hset(`{pythond}:letter:${id}`, 'shares', '[["a",', 'meta', '{');
    await server.redis.hset(`{pythond}:delivery:${waiting}`, 'shares', '[["a",');
    expect(await dead.remove(await dead.ids(), 'purged')).toMatchObject({ letters: 1 });
    expect(await dead.count()).toBe(0);
    await expect(outbox.load(waiting)).rejects.toThrow('damaged');
    const full = new Outbox(server.redis, { maxBytes: 1 });
    await full.wait(delivery({ b: 1 }), 0); // makes room, also of that one
    await full.close();
    expect(await outbox.size()).toEqual({ deliveries: 0, points: 0, bytes: 0 });
  });

  it('of a denied destination go nowhere but where somebody says', async () => {
    await outbox.bury([letter('a', 1, 'destination-denied')]);
    const [id = ''] = await letterIds();
    expect(await dead.replay(id, { nowMs: 1 })).toMatchObject({
      kind: 'refused',
      reason: expect.stringContaining('--to URL'),
    });
    expect(await dead.replay(id, { nowMs: 1, to: 'http://other:9529' })).toMatchObject({ kind: 'replayed' });
    expect(await ledger.of('a')).toMatchObject([
      { endpoint, counts: noPoints() },
      { endpoint: 'http://other:9529', counts: { emitted: 1, queued: 1 } },
    ]);
  });

  it('as reported are read by the rules of today', async () => {
    const reported = (points: unknown): DeadLetter => ({
      ...letter('a', 1),
      form: 'reported',
      body: JSON.stringify([points]),
    });
    await outbox.bury([
      reported({ measurement: 'm', tags: { bad: [1] }, fields: { v: 1 } }),
      reported({ measurement: 'good', tags: {}, fields: { v: 1 }, time: 1_700_000_000 }),
    ]);
    const replays: string[] = [];
    for (const id of await letterIds()) {
      const replay = await dead.replay(id, { nowMs: 1 });
      replays.push(replay.kind === 'refused' ? replay.reason : replay.kind);
    }
    expect(replays.sort()).toEqual([expect.stringMatching(/^it is still refused: /), 'replayed']);
    const [waiting = ''] = await server.redis.zrange('{pythond}:deliveries', '0', '-1');
    expect((await load(waiting)).delivery.points).toEqual(['good v=1 1700000000000000000']);
  });

  it('make room when there are too many: the oldest, counted as dropped', async () => {
    const few = new Outbox(server.redis, { lettersKept: 2 });
    await few.bury([letter('a', 1, 'bad', 10), letter('a', 2, 'bad', 20), letter('a', 4, 'bad', 30)]);
    await few.close();
    expect(await counts('a')).toEqual({ ...noPoints(), emitted: 7, dead: 6, dropped: 1 });
  });

  it('make room when they hold too much: the oldest, counted as dropped', async () => {
    const small = new Outbox(server.redis, { letterBytes: 3_000 });
    for (let died = 1; died <= 12; died += 1) await small.bury([letter('a', 1, 'bad', died)]);
    await small.close();
    const kept = await letterIds();
    expect(kept.length).toBeGreaterThan(0);
    expect(kept.length).toBeLessThan(12);
    expect(await counts('a')).toEqual({
      ...noPoints(),
      ...{ emitted: 12, dead: kept.length, dropped: 12 - kept.length },
    });
    await dead.remove(await dead.ids(), 'purged');
    expect(await server.redis.get('{pythond}:letters-bytes')).toBe('0');
  });

  it('are told of once for a collector and a cause, with their points; later ones not for an hour', async () => {
    await outbox.bury([letter('a', 1), letter('a', 2), letter('b', 4, 'late'), letter('pythond', 8)]);
    const told = (await dead.takeUntold()).sort((one, other) => one.points - other.points);
    expect(told).toEqual([
      { collector: 'a', code: 'invalidLinePoint', points: 3 },
      { collector: 'b', code: 'late', points: 4 },
    ]);
    await outbox.bury([letter('a', 5)]);
    expect(await dead.takeUntold()).toEqual([]);
    const mark = '{pythond}:letters-told:invalidLinePoint a';
    expect(await server.redis.pttl(mark)).toBeGreaterThan(3_000_000);
    await dead.untell({ collector: 'a', code: 'invalidLinePoint', points: 3 }); // that telling had failed
    expect(await dead.takeUntold()).toEqual([{ collector: 'a', code: 'invalidLinePoint', points: 8 }]);
  });

  it('are purged by somebody or dropped for their age, and counted as that', async () => {
    await outbox.bury([letter('a', 1, 'bad', 10), letter('a', 2, 'bad', 20), letter('a', 4, 'late', 30)]);
    expect(await dead.expire(15)).toEqual({ letters: 1, points: 1 });
    expect(await dead.remove(await letterIds(), 'purged')).toEqual({ letters: 2, points: 6 });
    expect(await dead.count()).toBe(0);
    expect(await counts('a')).toEqual({ ...noPoints(), emitted: 7, dropped: 1, purged: 6 });
  });
});

/** One step of a fleet's life, by numbers that choose among what there is. */
type Step = readonly [
  what:
    | 'wait'
    | 'wait-again'
    | 'settle'
    | 'load'
    | 'settle-loaded'
    | 'bury'
    | 'replay'
    | 'purge'
    | 'withdraw',
  one: number,
  other: number,
];

describe('the ledger', () => {
  it('accounts for every point, whatever happens to deliveries and letters', {
    timeout: 300_000,
  }, async () => {
    const step = fc.tuple(
      fc.constantFrom(
        ...['wait', 'wait-again', 'settle', 'load', 'settle-loaded', 'bury', 'replay', 'purge', 'withdraw'],
      ),
      fc.nat({ max: 20 }),
      fc.nat({ max: 20 }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        await server.redis.flushall();
        put.length = 0;
        held.length = 0;
        const tight = new Outbox(server.redis, { maxBytes: 4_000 });
        for (const one of steps) await take(tight, one as Step);
        await tight.close();
        const entries = await ledger.entries();
        for (const { counts: found } of entries) expect(unaccounted(found)).toBe(0);
        const sum = sumOf(entries);
        expect((await outbox.size()).points).toBe(sum.queued);
        let letters = 0;
        for await (const { points } of dead.heads()) letters += points;
        expect(letters).toBe(sum.dead + sum.late);
      }),
      { numRuns: 300 },
    );
  });

  /** What workers have put there, and hold on to; and what normalizers have in hand, as they found it. */
  const put: WaitingDelivery[] = [];
  const held: Loaded[] = [];

  async function take(tight: Outbox, [what, one, other]: Step): Promise<void> {
    const ids = await server.redis.zrange('{pythond}:deliveries', '0', '-1');
    const id = ids[one % Math.max(1, ids.length)];
    const letters = await letterIds();
    const dying = letters[one % Math.max(1, letters.length)];
    switch (what) {
      case 'wait': {
        const fresh = delivery({ a: 1 + one, b: 1 + other }, one % 2 ? 'metric' : 'logging', other);
        put.push(fresh);
        await tight.wait(fresh, 0);
        return;
      }
      case 'wait-again': {
        const known = put[one % Math.max(1, put.length)];
        if (known) await tight.wait(known, 0);
        return;
      }
      case 'load':
        if (id !== undefined) held.push(await load(id));
        return;
      case 'settle-loaded': {
        const loaded = held[one % Math.max(1, held.length)];
        if (loaded) await settleSome(tight, loaded, one, other);
        return;
      }
      case 'bury':
        return tight.bury([letter('a', 1 + one, other % 2 ? 'late' : 'bad'), letter('b', 1 + other)]);
      case 'withdraw':
        return tight.withdraw(put[one % Math.max(1, put.length)]?.id ?? 'none');
      case 'settle':
        return id === undefined ? undefined : settleSome(tight, await load(id), one, other);
      case 'replay':
        if (dying !== undefined) await dead.replay(dying, { nowMs: one });
        return;
      case 'purge':
        if (dying !== undefined) await dead.remove([dying], other % 2 ? 'purged' : 'dropped');
    }
  }

  /** Some of a delivery's first collector's points are accepted, one dies, the rest is left. */
  async function settleSome(tight: Outbox, loaded: Loaded, one: number, other: number): Promise<void> {
    const { origins, points } = loaded.delivery;
    const [first] = origins;
    if (!first) throw new Error('a delivery is somebody’s');
    const accepted = 1 + (one % first.points);
    const dies = accepted < first.points && other % 2 === 1;
    const taken = accepted + (dies ? 1 : 0);
    const death = { code: 'bad', message: '', answer: null, attempts: 1, deadMs: one };
    const letters = dies
      ? [letterOf(loaded.delivery, points.slice(accepted, taken), [{ ...first, points: 1 }], death)]
      : [];
    const rest = origins.map((share, index) =>
      index === 0 ? { ...share, points: share.points - taken } : share,
    );
    const left = {
      ...loaded.delivery,
      points: points.slice(taken),
      origins: rest.filter((share) => share.points > 0),
    };
    await tight.settle(loaded, {
      accepted: [{ ...first, points: accepted }],
      letters,
      left: left.points.length > 0 ? left : null,
    });
  }
});
