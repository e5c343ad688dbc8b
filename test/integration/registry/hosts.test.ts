import { type CollectorId, type CollectorRecord, ofHost, schedulerId } from '@pythond/jobs';
import { Collectors, keys, Leases, Templates } from '@pythond/registry';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startTestRedis, type TestRedis } from '../../support/redis.ts';

const template: CollectorRecord = {
  ...{
    v: 1,
    id: 'h/h/h:A' as CollectorId,
    input: 'h',
    inputNumber: 1,
    key: 'h/h:A',
    module: 'h',
    class: 'A',
  },
  ...{ name: 'A', everyMs: 1_000, timeoutMs: 300_000, paused: false, offsetMs: 17, pool: 'default' },
};
const record = ofHost(template, 'web-1');
const scheduler = schedulerId(record.id);
const due = 1_800_000_000_017;

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

const claim = (dueMs: number) =>
  leases.claim({
    ...{ scheduler, jobId: `repeat:${scheduler}:${dueMs}`, worker: 'w', dueMs, kind: 'grid' },
    knownVersion: '',
  });
const counts = async () => (await collectors.get(record.id))?.counts;

describe('a collector whose host is away', () => {
  it('runs nothing and counts nothing, and misses nothing when the host is back', async () => {
    expect((await claim(due)).kind).toBe('claimed');
    await server.redis.del(keys.lease(scheduler));
    expect(await collectors.away(record.id, due + 5_000)).toBe(true);
    expect(await collectors.get(record.id)).toMatchObject({ awaySinceMs: due + 5_000, record });
    expect(await claim(due + 1_000)).toMatchObject({ kind: 'skipped', reason: 'host-gone' });
    expect(await counts()).toEqual({ due: 1, run: 0, lost: 1 }); // nobody recorded the one that had started

    await collectors.away(record.id, due + 9_000); // a pass that comes twice
    expect(await collectors.get(record.id)).toMatchObject({ awaySinceMs: due + 5_000 });
    await collectors.back([record.id]);
    await collectors.register([record]);
    expect(await collectors.get(record.id)).toMatchObject({ awaySinceMs: null });
    expect((await claim(due + 3_601_000)).kind).toBe('claimed');
    expect(await counts()).toEqual({ due: 2, run: 1, lost: 1 });
  });

  it('is not away as long as a run of it goes on', async () => {
    await claim(due);
    expect(await collectors.away(record.id, due)).toBe(false);
    expect(await counts()).toEqual({ due: 1, run: 1 });
    expect((await collectors.get(record.id))?.awaySinceMs).toBe(null);
  });

  it('leaves nothing when it is forgotten', async () => {
    await collectors.away(record.id, due);
    await collectors.forget([record.id]);
    expect(await server.redis.keys('*')).toEqual([]);
  });
});

it('the templates of an input are replaced together, and those of others stay', async () => {
  const templates = new Templates(server.redis);
  const other = { ...template, id: 'o/h/h:A' as CollectorId, input: 'o' };
  await templates.replace('o', [other]);
  await templates.replace('h', [template, { ...template, id: 'h/h/h:B' as CollectorId }]);
  await templates.replace('h', [{ ...template, inputNumber: 2 }]);
  const both = (await templates.list()).sort((one, two) => (one.id < two.id ? -1 : 1));
  expect(both).toEqual([{ ...template, inputNumber: 2 }, other]);
  await templates.replace('h', []);
  expect(await templates.list()).toEqual([other]);
});
