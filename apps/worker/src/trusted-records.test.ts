import {
  type InputRecord,
  inputRecordSchema,
  makeKeyFiles,
  makeSeal,
  readSealingKey,
  type SealingKey,
} from '@pythond/jobs';
import { defaultPolicy } from '@pythond/sandbox';
import { describe, expect, it } from 'vitest';
import { TrustedRecords } from './trusted-records.ts';

const newKey = (): SealingKey => {
  const key = readSealingKey(makeKeyFiles().privateText);
  if (!key) throw new Error('no key');
  return key;
};
const [own, other, former] = [newKey(), newKey(), newKey()];

const NOW: number = 1_900_000_000_000;
const HOUR = 3_600_000;
const record = (change: Partial<InputRecord> = {}): InputRecord =>
  inputRecordSchema.parse({
    ...{ v: 1, key: 'web', number: 3, name: 'web', cmd: 'python3', envs: ['A=1'], bundle: 'a'.repeat(64) },
    ...{ modules: [], roots: [], tags: {}, isolation: 'auto', state: true, pool: 'default', datakit: null },
    ...{ destinations: null, integers: 'float', policy: defaultPolicy, intervalMs: null, timeoutMs: null },
    ...{ align: false, paused: false, scope: 'fleet', ...change },
  });
const textOf = (change: Partial<InputRecord> = {}) => JSON.stringify(record(change));
const sealOf = (text: string, key = own, times = { madeMs: NOW, endsMs: NOW + HOUR }) =>
  JSON.stringify(makeSeal({ kind: 'input record', text }, times, key));

/** A worker's records, with what Redis has of them. */
function setUp({ now = () => NOW, keys = [own, former] as readonly SealingKey[] | null } = {}) {
  const redis = new Map<string, { text: string; seal: string | null }>();
  const records = new TrustedRecords({
    ...{ keys, now, pools: ['default'] },
    stored: async (input, number) => redis.get(`${input} ${number}`) ?? null,
  });
  const put = (text: string, seal: string | null = sealOf(text), input = 'web', number = 3) =>
    redis.set(`${input} ${number}`, { text, seal });
  const open = async (number = 3, input = 'web', use: 'act' | 'discover' = 'act') => {
    const admitted = await records.admit(input, number, 'runs');
    records.check(admitted, use);
    return admitted.record;
  };
  return { records, put, open };
}

describe('a worker with trusted keys', () => {
  it('acts on what is signed with any of them', async () => {
    const { put, open } = setUp();
    put(textOf());
    expect(await open()).toEqual(record());
    put(textOf(), sealOf(textOf(), former));
    expect(await open()).toEqual(record());
  });

  it('refuses what is not signed, and says what to do', async () => {
    const { put, open } = setUp();
    put(textOf(), null);
    await expect(open()).rejects.toMatchObject({
      code: 'not-signed',
      message: expect.stringMatching(/^version 3 of input web is not signed, .*signing_key/),
    });
  });

  it('refuses what another key signed, and what says that it was its own', async () => {
    const { put, open } = setUp();
    put(textOf(), sealOf(textOf(), other));
    await expect(open()).rejects.toMatchObject({
      code: 'signature-unknown',
      message: expect.stringContaining(`signed with key ${other.id}, which is not among the trusted_keys`),
    });
    put(textOf(), JSON.stringify({ ...JSON.parse(sealOf(textOf(), other)), key: own.id }));
    await expect(open()).rejects.toMatchObject({ code: 'signature-wrong' });
  });

  it.each<[string, Partial<InputRecord>]>([
    ['cmd', { cmd: '/tmp/evil' }],
    ['envs', { envs: ['LD_PRELOAD=/tmp/evil.so'] }],
    ['sandbox', { policy: { ...defaultPolicy, sandbox: 'none' } }],
    ['policy', { policy: { ...defaultPolicy, readPaths: ['/'] } }],
    ['user', { policy: { ...defaultPolicy, user: 'root' } }],
    ['DataKit', { datakit: 'http://198.51.100.1:9529' }],
    ['destinations', { destinations: ['198.51.100.1:9529'] }],
    ['bundle', { bundle: 'b'.repeat(64) as InputRecord['bundle'] }],
    ['modules', { modules: [{ name: 'os', file: 'os.py', root: '', dir: 'd' }] }],
    ['time-out', { timeoutMs: 1e9 }],
    ['isolation', { isolation: 'resident' }],
    ['pool', { pool: 'other' }],
    ['number', { number: 4 }],
  ])('refuses a record whose %s was changed under its signature', async (_, change) => {
    const { put, open } = setUp();
    put(textOf(change), sealOf(textOf()));
    await expect(open()).rejects.toMatchObject({ code: 'signature-wrong' });
  });

  it('refuses a changed record in whose place it has verified the right one', async () => {
    const { put, open } = setUp();
    put(textOf());
    await open();
    put(textOf({ cmd: '/tmp/evil' }), sealOf(textOf()));
    await expect(open()).rejects.toMatchObject({ code: 'signature-wrong' });
  });

  it('refuses the record of another input, or of another version, under a signature that is right', async () => {
    const { put, open } = setUp();
    put(textOf({ key: 'shop' }), undefined, 'web', 3);
    await expect(open()).rejects.toMatchObject({
      code: 'signature-wrong',
      message: expect.stringContaining('has as version 3 of input web is signed as version 3 of input shop'),
    });
    put(textOf({ number: 2 }), undefined, 'web', 3);
    await expect(open()).rejects.toMatchObject({ code: 'signature-wrong' });
  });

  it.each([
    ['a record that was cut off', textOf().slice(0, -1), sealOf(textOf())],
    ['a record with a space more', `${textOf()} `, sealOf(textOf())],
    ['a seal that was cut off', textOf(), sealOf(textOf()).slice(0, -10)],
    ['a seal of no signature', textOf(), sealOf(textOf()).replace(/"signature":"[^"]*"/, '"signature":""')],
    ['no seal but words', textOf(), 'null'],
    ['the seal of another kind of text', textOf(), JSON.stringify(ofDatakit(textOf()))],
  ])('refuses %s', async (_, text, seal) => {
    const { put, open } = setUp();
    put(text, seal);
    await expect(open()).rejects.toMatchObject({ code: 'signature-wrong' });
  });

  it('refuses a signature whose times were moved', async () => {
    const { put, open } = setUp();
    const seal = JSON.parse(sealOf(textOf()));
    for (const change of [{ endsMs: seal.endsMs + 1 }, { madeMs: seal.madeMs + 1 }]) {
      put(textOf(), JSON.stringify({ ...seal, ...change }));
      await expect(open()).rejects.toMatchObject({ code: 'signature-wrong' });
    }
  });

  it('refuses what has ended, by its own clock, at every use', async () => {
    let now = NOW;
    const { records, put, open } = setUp({ now: () => now });
    put(textOf());
    const admitted = await records.admit('web', 3, 'runs');
    now = NOW + HOUR - 1;
    records.check(admitted, 'act');
    now = NOW + HOUR;
    const expired = { code: 'signature-expired', message: expect.stringContaining('ended at 2030-03-17T') };
    expect(() => records.check(admitted, 'act')).toThrow(expect.objectContaining(expired));
    await expect(open()).rejects.toMatchObject(expired);
  });

  it('goes back to no version that another replaced here, whatever Redis says', async () => {
    let now = NOW;
    const { put, open } = setUp({ now: () => now });
    put(textOf());
    const next = textOf({ number: 4 });
    put(next, sealOf(next, own, { madeMs: NOW + 1, endsMs: NOW + HOUR }), 'web', 4);
    await open(4, 'web', 'discover'); // it may be held back: the one before goes on
    await open();
    await open(4);
    await expect(open()).rejects.toMatchObject({
      code: 'version-replaced',
      message: expect.stringContaining('was replaced by version 4'),
    });
    await expect(open(3, 'web', 'discover')).rejects.toMatchObject({ code: 'version-replaced' });
    // an operator's roll-back has a number and a time of its own; so has one after Redis lost all
    const again = textOf({ number: 1 });
    put(again, sealOf(again, own, { madeMs: NOW + 2, endsMs: NOW + HOUR }), 'web', 1);
    expect(await open(1)).toMatchObject({ number: 1 });
    now = NOW + HOUR;
    await expect(open(4)).rejects.toMatchObject({ code: 'signature-expired' });
  });

  it('serves no other pool, and makes no resident of what is not to be one', async () => {
    const { records, put, open } = setUp();
    put(textOf({ pool: 'other' }));
    await expect(open()).rejects.toMatchObject({ code: 'wrong-pool' });
    put(textOf({ isolation: 'run' }));
    await open();
    await expect(records.admit('web', 3, 'resident')).rejects.toMatchObject({ code: 'not-resident' });
    put(textOf());
    expect(await records.admit('web', 3, 'resident')).toMatchObject({ record: { key: 'web' } });
  });
});

it('a worker without trusted keys acts on whatever is there', async () => {
  const { put, open } = setUp({ keys: null });
  put(textOf({ pool: 'other', cmd: 'x' }), null);
  expect(await open()).toMatchObject({ cmd: 'x' });
  await expect(open(9)).rejects.toMatchObject({ code: 'input-gone' });
});

function ofDatakit(text: string) {
  return makeSeal({ kind: 'published datakit', text }, { madeMs: NOW, endsMs: NOW + HOUR }, own);
}
