import { connect, type Redis } from '@pythond/queue';
import { Fleet, keys, Leadership } from '@pythond/registry';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { startTestRedis, type TestRedis } from '../../support/redis.ts';

let server: TestRedis;
let redis: Redis;

beforeAll(async () => {
  server = await startTestRedis();
  redis = server.redis;
});
afterAll(() => server.stop());
beforeEach(() => redis.flushall());

const candidate = (name: string) => new Leadership(redis, { name, host: 'h', pid: 1, machine: null });

describe('who leads', () => {
  it('is one of many that stand at once, and stays it', async () => {
    const all = Array.from({ length: 20 }, (_, n) => candidate(`s${n}`));
    const stands = await Promise.all(all.map((one) => one.stand()));
    expect(stands.filter(({ kind }) => kind === 'leads')).toHaveLength(1);
    const leader = all.find(({ leads }) => leads);
    for (const one of all) expect((await one.stand()).kind).toBe(one === leader ? 'leads' : 'stands-by');
    expect(leader?.term).toBe(1);
    const shown = await new Fleet(redis).leader();
    expect(shown).toMatchObject({ name: expect.stringMatching(/^s\d+$/), host: 'h', fence: 1 });
    expect(Math.abs((shown?.sinceMs ?? 0) - Date.now())).toBeLessThan(60_000);
  });

  it('is the next, with a higher fence, when the lease is given back, has run out, or its holder is known to be dead', async () => {
    const [a, b] = [candidate('a'), candidate('b')];
    await a.stand();
    await b.stand();
    await a.giveUp();
    expect(a.leads).toBe(false);
    expect(await b.stand()).toMatchObject({ kind: 'leads', leader: { name: 'b', fence: 2 } });
    await a.giveUp(); // it has nothing to give
    expect(await a.stand()).toMatchObject({ kind: 'stands-by', leader: { name: 'b', fence: 2 } });
    expect(await redis.pttl(keys.leader)).toBeLessThanOrEqual(6_000);
    await redis.del(keys.leader); // as if its time had come
    expect(await a.stand()).toMatchObject({ kind: 'leads', leader: { fence: 3 } });
    expect((await b.stand()).kind).toBe('stands-by');
    expect(b.leads).toBe(false);
    expect((await b.stand(2)).kind).toBe('stands-by'); // that one is not the leader any more
    expect(await b.stand(3)).toMatchObject({ kind: 'leads', leader: { fence: 4 } });
  });

  it('acts no more when its lease may have ended, by whichever clock, and then begins another term', async () => {
    const one = candidate('a');
    await one.stand();
    await one.stand();
    expect([one.leads, one.term]).toEqual([true, 1]);
    for (const [place, name] of [
      [Date, 'Date'],
      [performance, 'performance'],
    ] as const) {
      const before = one.term;
      const now = place.now();
      const clock = vi.spyOn(place, 'now').mockReturnValue(now + 5_000);
      expect(one.leads, name).toBe(false);
      await one.stand();
      clock.mockRestore();
      expect(one.term, name).toBe(before + 1);
    }
  });
});

describe('a Redis that has lost its state', () => {
  it('is brought back by the leader, who counts it; the others wait for that', async () => {
    const [a, b] = [candidate('a'), candidate('b')];
    await a.stand();
    await b.stand();
    await redis.flushall();
    expect(await b.stand()).toEqual({ kind: 'waits' });
    expect(await a.stand()).toMatchObject({ kind: 'leads', stateLost: true, leader: { fence: 2 } });
    expect(await a.stand()).toMatchObject({ kind: 'leads', stateLost: false });
    expect(a.term).toBe(1);
    await redis.flushall();
    await a.stand();
    await b.stand();
    const fleet = new Fleet(redis);
    expect(await fleet.stateLosses()).toMatchObject({ total: 2, lastMs: expect.any(Number) });
    expect(await fleet.problems()).toMatchObject([{ level: 'warning', code: 'redis-state-lost' }]);
    // and by another one when the leader is gone too: it knows how often it was lost
    await redis.flushall();
    await eventually('the other to lead', async () => (await b.stand()).kind === 'leads');
    expect(await fleet.stateLosses()).toMatchObject({ total: 3 });
    expect((await fleet.leader())?.fence).toBeGreaterThan(3);
  });

  it('is no empty one that nobody has seen before', async () => {
    await candidate('a').stand();
    expect(await new Fleet(redis).stateLosses()).toEqual({ total: 0, lastMs: null });
  });
});

describe('a connection whose owner may act no more', () => {
  it('sends nothing, neither alone nor in a pipeline, and is closed', async () => {
    let may = true;
    const connection = connect(
      server.target,
      'failing',
      () => undefined,
      () => may,
    );
    await connection.set('a', '1');
    const before = Number(/total_commands_processed:(\d+)/.exec(await redis.info('stats'))?.[1]);
    may = false;
    const refused = await Promise.allSettled([
      connection.set('a', '2'),
      connection.set('b', '2'),
      connection.multi().set('a', '3').exec(),
      connection.pipeline().set('a', '4').set('b', '4').exec(),
    ]);
    await expect(connection.get('a')).rejects.toThrow();
    expect(refused.slice(0, 2).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await redis.mget('a', 'b')).toEqual(['1', null]);
    const after = Number(/total_commands_processed:(\d+)/.exec(await redis.info('stats'))?.[1]);
    expect(after - before).toBeLessThanOrEqual(3); // those of this test
    await eventually('it to be closed', () => connection.status === 'end');
  });
});
