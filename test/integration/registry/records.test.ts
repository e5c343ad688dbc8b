import { createHash } from 'node:crypto';
import { type CollectorId, type NewerRecordError, residentId, schedulerId } from '@pythond/jobs';
import { DeadLetters, Outbox } from '@pythond/outbox';
import { Collectors, Fleet, Inputs, keys, Pauses, Residents } from '@pythond/registry';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { golden, goldenVersions, type Json, withMore } from '../../support/golden-records.ts';
import { startTestRedis, type TestRedis } from '../../support/redis.ts';

/** Objects that hold anything under names of their own, and the policy, of which only what is known is taken. */
const MAPS = new Set(['tags', 'policy', 'hostDeaths', 'clocksOff']);
const WEB = 'web/Demo/demo:Demo' as CollectorId;
const STAYS = 'stays/stays/stays:Stays' as CollectorId;
const LETTER = 'a'.repeat(32);

let server: TestRedis;
let outbox: Outbox;
let dead: DeadLetters;

beforeAll(async () => {
  server = await startTestRedis();
  outbox = new Outbox(server.redis);
  dead = new DeadLetters(server.redis);
});
afterAll(async () => {
  await outbox.close();
  await dead.close();
  await server.stop();
});
beforeEach(() => server.redis.flushall());

/** Puts a version's records where they belong, as `change` makes them. */
async function fill(version: string, change: (record: Json) => Json): Promise<void> {
  const { redis } = server;
  const text = (kind: string) => JSON.stringify(change(golden(version, kind)));
  for (const [id, record, run] of [
    [WEB, 'collector', 'run'],
    [STAYS, 'collector-resident', 'run-resident'],
  ] as const) {
    await redis.sadd(keys.collectors, id);
    await redis.hset(keys.collector(schedulerId(id)), { record: text(record), version: '1', every: 1000 });
    await redis.lpush(keys.runs(schedulerId(id)), text(run));
  }
  await redis.sadd(keys.inputs, 'web');
  await redis.hset(keys.input('web'), {
    ...{ latest: 1, active: 1, name: 'web', file: 'conf.d/web.conf' },
    ...{ 'r:1': text('input'), 'v:1': text('version-facts') },
  });
  await redis.hset(keys.discoveries, { web: text('discovery'), bad: text('discovery-failed') });
  await redis.hset(keys.residents, residentId('stays', 1), 'default');
  await redis.zadd(keys.residentsOf('default'), 1, residentId('stays', 1));
  await redis.hset(keys.resident(residentId('stays', 1)), { plan: text('resident-plan'), version: '1' });
  await redis.sadd(keys.workers, 'web1-a1b2c3');
  await redis.set(keys.worker('web1-a1b2c3'), text('worker'), 'PX', 60_000);
  await redis.hset(keys.pauses, 'input:bad', text('pause'));
  await fillOutbox(version, change);
}

async function fillOutbox(version: string, change: (record: Json) => Json): Promise<void> {
  const points = ['m v=1 1795408824618000000'];
  const endpoint = String(golden(version, 'delivery')['endpoint']);
  // its place in the outbox; what it holds is written over
  await outbox.wait(
    {
      ...{ id: 'd1', destination: { endpoint, category: 'metric', query: [] }, points, sinceMs: 1, tries: 1 },
      ...{ origins: [{ collector: WEB, run: 'r', dueMs: 1, points: 1 }], reason: 'refused' },
    },
    0,
  );
  const { body, ...letter } = golden(version, 'dead-letter');
  const kept = [
    ['delivery:d1', golden(version, 'delivery'), JSON.stringify(points)],
    [`letter:${LETTER}`, letter, String(body)],
  ] as const;
  for (const [name, record, content] of kept) {
    const meta = JSON.stringify(change(record));
    const parts = {
      meta,
      body: content,
      shares: JSON.stringify([[WEB, 1]]),
      endpoint: String(record['endpoint']),
    };
    const digest = createHash('sha256').update(Object.values(parts).join('\n')).digest('hex');
    await server.redis.hset(`{pythond}:${name}`, { ...parts, digest });
  }
  await server.redis.zadd('{pythond}:letters', 1_795_408_827_123, LETTER);
}

describe.each(goldenVersions)('what version %s has left in Redis', (version) => {
  it.each([
    ['as it is', (record: Json) => record],
    ['with fields that nobody knows yet', (record: Json) => withMore(record, MAPS)],
  ])('is read, %s', async (_, change) => {
    const { redis } = server;
    await fill(version, change);
    const collectors = new Collectors(redis);
    const views = await collectors.list();
    expect(views[0]?.record).toMatchObject(golden(version, 'collector-resident'));
    expect(views[1]?.record).toMatchObject(golden(version, 'collector'));
    expect(await collectors.runs(WEB, 10)).toMatchObject([golden(version, 'run')]);
    expect(await collectors.runs(STAYS, 10)).toMatchObject([golden(version, 'run-resident')]);
    const inputs = new Inputs(redis);
    expect(await inputs.get('web', 1)).toMatchObject(golden(version, 'input'));
    expect(await inputs.rollouts()).toMatchObject([{ inForce: 1, versions: [{ state: 'in-force' }] }]);
    expect(await inputs.facts('web', 1)).toMatchObject(golden(version, 'version-facts'));
    const discoveries = (await inputs.discoveries()).sort((a, b) => (a.input > b.input ? -1 : 1));
    expect(discoveries).toMatchObject([golden(version, 'discovery'), golden(version, 'discovery-failed')]);
    const residents = new Residents(redis);
    expect(await residents.view('stays', 1)).toMatchObject({ plan: golden(version, 'resident-plan') });
    expect(await residents.free('default', 0, 1)).toHaveLength(1);
    expect(await new Fleet(redis).workers()).toMatchObject([golden(version, 'worker')]);
    expect(await new Pauses(redis).list()).toMatchObject([
      { target: { name: 'bad' }, ...golden(version, 'pause') },
    ]);
    expect(await outbox.load('d1')).toMatchObject({
      delivery: { destination: { category: 'metric' }, points: ['m v=1 1795408824618000000'], tries: 1 },
    });
    const { encoding: __, ...letter } = golden(version, 'dead-letter');
    expect(await dead.get(LETTER)).toMatchObject(letter);
  });

  it('keeps fields that nobody knows yet when it is written back', async () => {
    const { redis } = server;
    await fill(version, (record) => withMore(record, MAPS));
    const inputs = new Inputs(redis);
    const ofLater = { made: 'by a later version' };
    expect(await inputs.repeat('web', 1, { cause: 'rollback', forced: false })).toBe(2);
    expect(JSON.parse((await redis.hget(keys.input('web'), 'r:2')) ?? '')).toMatchObject({
      number: 2,
      ofLater,
    });
    await inputs.hold('web', 1, [], 5);
    await inputs.tookOver('web', 1, 6);
    expect(JSON.parse((await redis.hget(keys.input('web'), 'v:1')) ?? '')).toMatchObject({
      held: null,
      ofLater,
    });
    const loaded = await outbox.load('d1');
    if (!loaded) throw new Error('it is gone');
    expect(
      await outbox.settle(loaded, { accepted: [], letters: [], left: { ...loaded.delivery, tries: 2 } }),
    ).toBe(true);
    const left = JSON.parse((await redis.hget('{pythond}:delivery:d1', 'meta')) ?? '');
    expect(left).toMatchObject({ tries: 2, encoding: 'plain', ofLater });
    const [wanted] = await new Residents(redis).free('default', 0, 1);
    expect(wanted?.plan).toMatchObject({ ofLater, collectors: [{ ofLater }] });
  });
});

it('what a newer format says is told of in plain words, and left alone', async () => {
  const [version = ''] = goldenVersions;
  await fill(version, (record) => {
    if (record === null || typeof record !== 'object' || Array.isArray(record)) return record;
    return 'v' in record ? { v: Number(record['v']) + 1, isAllNew: true } : record;
  });
  const { redis } = server;
  const refused = async (ask: Promise<unknown>) =>
    ask.then(
      () => 'read',
      (error: NewerRecordError) => `${error.code}: ${error.message}`,
    );
  const newer = expect.stringMatching(/^newer-record: .+ was made by a newer version .+: upgrade this one$/);
  expect(await refused(new Collectors(redis).get(WEB))).toEqual(newer);
  expect(await refused(new Collectors(redis).list())).toEqual(newer);
  expect(await refused(new Inputs(redis).get('web', 1))).toEqual(newer);
  expect(await refused(outbox.load('d1'))).toEqual(newer);
  expect(await refused(dead.get(LETTER))).toEqual(newer);
  expect(await new Collectors(redis).runs(WEB, 10)).toEqual([]);
  expect(await new Residents(redis).free('default', 0, 1)).toEqual([]);
  expect(await redis.exists('{pythond}:delivery:d1')).toBe(1);
});

it('a worker that tells of itself in a newer way is not seen, and hides no other', async () => {
  const [version = ''] = goldenVersions;
  await fill(version, (record) => record);
  await server.redis.sadd(keys.workers, 'newer');
  await server.redis.set(
    keys.worker('newer'),
    JSON.stringify({ name: { of: 'another kind' } }),
    'PX',
    60_000,
  );
  expect((await new Fleet(server.redis).workers()).map(({ name }) => name)).toEqual(['web1-a1b2c3']);
});
