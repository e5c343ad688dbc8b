import {
  type BundleDigest,
  checkSeal,
  type DiscoverJob,
  makeKeyFiles,
  readSealingKey,
  type SealingKey,
} from '@pythond/jobs';
import { JobQueue, queueNames } from '@pythond/queue';
import { Fleet, type InputContent, Inputs, keys, Sealer } from '@pythond/registry';
import { defaultPolicy } from '@pythond/sandbox';
import { SealWatch } from '@pythond/scheduler';
import { TrustedRecords } from '@pythond/worker';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startTestRedis, type TestRedis } from '../../support/redis.ts';

const HOUR = 3_600_000;
const START = 1_900_000_000_000;
const newKey = (): SealingKey => {
  const key = readSealingKey(makeKeyFiles().privateText);
  if (!key) throw new Error('no key');
  return key;
};
const key = newKey();

let server: TestRedis;
let queue: JobQueue<DiscoverJob>;
let now = START;
beforeAll(async () => {
  server = await startTestRedis();
  queue = new JobQueue<DiscoverJob>(queueNames.discover('default'), server.redis);
});
afterAll(async () => {
  await queue.close();
  await server.stop();
});
beforeEach(async () => {
  await server.redis.flushall();
  now = START;
});

const content = (bundle: number, input = 'web'): InputContent => ({
  ...{ key: input, name: input, cmd: 'python3', envs: null, modules: [], roots: [], tags: {} },
  bundle: String(bundle).padStart(64, '0') as BundleDigest,
  ...{ isolation: 'auto', state: true, pool: 'default', datakit: null, destinations: null },
  ...{ integers: 'float', policy: defaultPolicy, intervalMs: null, timeoutMs: null, align: false },
  ...{ paused: false, scope: 'fleet' },
});
const origin = { file: 'conf.d/web.conf', commit: null };

/** A scheduler that was just started, as far as signing goes. */
function schedule(signingKey = key) {
  const sealer = new Sealer({ key: signingKey, now: () => now });
  const inputs = new Inputs(server.redis, sealer);
  const fleet = new Fleet(server.redis, sealer);
  const lost: string[] = [];
  const warnings: unknown[] = [];
  const seals = new SealWatch({
    ...{ sealer, inputs, fleet, discover: () => queue },
    onLost: (names) => lost.push(...names),
    warn: (facts) => warnings.push(facts),
  });
  return { inputs, fleet, seals, lost, warnings };
}

const unsigned = () => new Inputs(server.redis);
const field = (name: string) => server.redis.hget(keys.input('web'), name);
const asked = async () => (await server.redis.keys('*discover*:[0-9A-Za-z]*-*')).length;

/** What a worker that was just started says of a version: its bundle, or why it does not act on it. */
async function acted(number: number): Promise<string> {
  const stored = (input: string, wanted: number) => unsigned().stored(input, wanted);
  const records = new TrustedRecords({ stored, keys: [key], pools: ['default'], now: () => now });
  try {
    const admitted = await records.admit('web', number, 'runs');
    records.check(admitted, 'act');
    return admitted.record.bundle.replace(/^0+/, '');
  } catch (error) {
    return (error as { code: string }).code;
  }
}

describe('a scheduler with a signing key', () => {
  it('signs what it puts, and renews it when a third is over, without another version', async () => {
    const { inputs, seals, lost, warnings } = schedule();
    await inputs.put(content(1), origin);
    expect(await acted(1)).toBe('1');
    const first = await field('s:1');
    now += 8 * HOUR - 1;
    await seals.look();
    expect(await field('s:1')).toBe(first);
    now += 2;
    await seals.look();
    const second = await field('s:1');
    expect(second).not.toBe(first);
    now = START + 25 * HOUR; // the first would have ended
    expect(await acted(1)).toBe('1');
    now += 24 * HOUR;
    expect(await acted(1)).toBe('signature-expired');
    await seals.look();
    expect(await acted(1)).toBe('1');
    expect(await field('latest')).toBe('1');
    expect({ lost, warnings, asked: await asked() }).toEqual({ lost: [], warnings: [], asked: 0 });
  });

  it('signs what an earlier one has left unsigned, under the same number, when its files say the same', async () => {
    await unsigned().put(content(1), origin);
    expect(await acted(1)).toBe('not-signed');
    const { inputs, seals, lost } = schedule();
    expect(await inputs.put(content(1), origin)).toEqual({ number: 1, changed: false });
    expect(await acted(1)).toBe('1');
    await seals.look();
    expect(lost).toEqual([]);
  });

  it('signs with a new key what an old one has signed', async () => {
    await schedule(newKey()).inputs.put(content(1), origin);
    expect(await acted(1)).toBe('signature-unknown');
    expect(await schedule().inputs.put(content(1), origin)).toEqual({ number: 1, changed: false });
    expect(await acted(1)).toBe('1');
  });

  it('gives no signature to a record that somebody changed before it was started, but puts its files anew', async () => {
    await unsigned().put(content(1), origin);
    const evil = JSON.stringify({ ...JSON.parse((await field('r:1')) ?? ''), cmd: '/tmp/evil' });
    await server.redis.hset(keys.input('web'), 'r:1', evil);
    const { inputs, seals, lost } = schedule();
    await seals.look();
    expect(lost).toEqual(['web']);
    expect(await acted(1)).toBe('not-signed');
    expect(await inputs.put(content(1), origin)).toEqual({ number: 2, changed: true });
    expect(await acted(2)).toBe('1');
    expect(await acted(1)).toBe('not-signed');
  });

  it('puts right what is changed under it, in force or newest, and says so', async () => {
    const { inputs, seals, warnings } = schedule();
    await inputs.put(content(1), origin);
    await inputs.tookOver('web', 1, now);
    await inputs.put(content(2), origin);
    await seals.look();
    const before = await server.redis.hgetall(keys.input('web'));
    await server.redis.hset(keys.input('web'), { 'r:1': before['r:2'] ?? '', 's:2': before['s:1'] ?? '' });
    await server.redis.hdel(keys.input('web'), 'r:2');
    expect([await acted(1), await acted(2)]).toEqual(['signature-wrong', 'input-gone']);
    await seals.look();
    expect(await server.redis.hgetall(keys.input('web'))).toEqual(before);
    expect(warnings).toEqual([
      { input: 'web', number: 1 },
      { input: 'web', number: 2 },
    ]);
    expect(await asked()).toBe(1); // the newest waits to be imported
  });

  it('signs a roll-back to what was signed, from that, and no other', async () => {
    const { inputs, seals, lost } = schedule();
    await inputs.put(content(1), origin);
    await inputs.tookOver('web', 1, now);
    await seals.look();
    await inputs.put(content(2), origin);
    await inputs.tookOver('web', 2, now);
    await seals.look();
    const ask = () => unsigned().repeat('web', 1, { cause: 'rollback', forced: false });
    expect(await ask()).toBe(3);
    expect(await acted(3)).toBe('not-signed');
    // whatever else it says
    const evil = JSON.stringify({ ...JSON.parse((await field('r:3')) ?? ''), cmd: '/tmp/evil' });
    await server.redis.hset(keys.input('web'), 'r:3', evil);
    await seals.look();
    expect(await acted(3)).toBe('1');
    expect(JSON.parse((await field('r:3')) ?? '')).toMatchObject({ cmd: 'python3', number: 3 });
    expect({ lost, asked: await asked() }).toEqual({ lost: [], asked: 1 });
    expect(await inputs.put(content(2), origin)).toEqual({ number: 3, changed: false }); // it stays
    // what a version repeats has to be signed, as what it is
    await server.redis.hset(keys.input('web'), 'r:1', evil);
    expect(await ask()).toBe(4);
    await seals.look();
    expect(await acted(4)).toBe('not-signed');
    expect(lost).toEqual(['web']);
    expect(await inputs.put(content(2), origin)).toEqual({ number: 5, changed: true });
  });

  it('signs nothing that was replaced: an older number in the place of the newest is not renewed', async () => {
    const { inputs, seals, lost } = schedule();
    for (const bundle of [1, 2]) {
      const { number } = await inputs.put(content(bundle), origin);
      await inputs.tookOver('web', number, now);
      await seals.look();
    }
    await server.redis.hset(keys.input('web'), { latest: 1, active: 1 });
    now += 12 * HOUR;
    await seals.look();
    expect(lost).toEqual(['web']);
    now += 12 * HOUR;
    expect(await acted(1)).toBe('signature-expired');
  });

  it('counts what it signs as newer than what one before it has signed, whose clock was ahead', async () => {
    const ahead = schedule();
    now = START + HOUR;
    await ahead.inputs.put(content(1), origin);
    now = START;
    await schedule().inputs.put(content(2), origin);
    const madeMs = async (number: number) => JSON.parse((await field(`s:${number}`)) ?? '').madeMs as number;
    expect(await madeMs(2)).toBe((await madeMs(1)) + 1);
  });

  it('signs what it publishes, renews that too, and puts it right', async () => {
    const { fleet, seals } = schedule();
    await fleet.publishDatakit('http://192.0.2.1:9529');
    await fleet.publishCmds(new Map([['default', ['python3']]]));
    const believed = () =>
      new Fleet(server.redis).published(['default'], (name, { text, seal }) => {
        const check = checkSeal({ kind: `published ${name}`, text }, seal, [key]);
        return check.ok && check.seal.endsMs > now;
      });
    const published = { datakit: 'http://192.0.2.1:9529', cmds: ['python3'] };
    expect(await believed()).toEqual(published);
    now += 12 * HOUR;
    await seals.look();
    now += 23 * HOUR;
    expect(await believed()).toEqual(published);
    now += 2 * HOUR;
    expect(await believed()).toEqual({ datakit: null, cmds: [] });
    await seals.look();
    await server.redis.hset(keys.settings, { datakit: 'http://192.0.2.9:9529', 'cmds:default': '["evil"]' });
    expect(await believed()).toEqual({ datakit: null, cmds: [] });
    await seals.look();
    expect(await believed()).toEqual(published);
  });

  it('gets along with another one that has the same key', async () => {
    const [one, two] = [schedule(), schedule()];
    await one.inputs.put(content(1), origin);
    await two.inputs.put(content(1), origin);
    await two.seals.look();
    now += 10 * HOUR;
    await one.seals.look();
    const renewed = await field('s:1');
    now += HOUR;
    await two.seals.look();
    await one.seals.look();
    expect(await field('s:1')).toBe(renewed);
    expect([...one.warnings, ...two.warnings]).toEqual([]);
  });
});
