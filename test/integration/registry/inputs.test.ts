import type { BundleDigest } from '@pythond/jobs';
import { type InputContent, Inputs } from '@pythond/registry';
import { defaultPolicy } from '@pythond/sandbox';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startTestRedis, type TestRedis } from '../../support/redis.ts';

let server: TestRedis;
let inputs: Inputs;
beforeAll(async () => {
  server = await startTestRedis();
  inputs = new Inputs(server.redis);
});
afterAll(() => server.stop());
beforeEach(() => server.redis.flushall());

const content = (bundle: number, key = 'web'): InputContent => ({
  ...{ key, name: key, cmd: 'python3', envs: null, modules: [], roots: [], tags: {}, isolation: 'auto' },
  bundle: String(bundle).padStart(64, '0') as BundleDigest,
  ...{ state: true, pool: 'default', datakit: null, destinations: null, integers: 'float' },
  ...{
    policy: defaultPolicy,
    intervalMs: null,
    timeoutMs: null,
    align: false,
    paused: false,
    scope: 'fleet',
  },
});
const origin = { file: 'conf.d/web.conf', commit: null };
const put = async (bundle: number) => (await inputs.put(content(bundle), origin)).number;
const states = async () =>
  Object.fromEntries(
    ((await inputs.rollout('web'))?.versions ?? []).map(({ number, state }) => [number, state]),
  );
const reasons = [{ module: 'a', type: 'SyntaxError', message: 'no' }];

describe('the versions of an input', () => {
  it('get a number when something changed, and only then', async () => {
    expect(await inputs.put(content(1), origin)).toEqual({ number: 1, changed: true });
    expect(await inputs.put(content(1), origin)).toEqual({ number: 1, changed: false });
    expect(await inputs.put(content(2), origin)).toEqual({ number: 2, changed: true });
    expect(await inputs.known()).toEqual([{ key: 'web', name: 'web', file: 'conf.d/web.conf' }]);
  });

  it('wait, take over, are held back, replaced and superseded', async () => {
    await put(1);
    expect(await states()).toEqual({ 1: 'pending' });
    await inputs.tookOver('web', 1, 10);
    await put(2);
    await inputs.hold('web', 2, reasons, 20);
    expect(await states()).toEqual({ 1: 'in-force', 2: 'held' });
    expect((await inputs.rollout('web'))?.versions[0]?.held).toEqual({ sinceMs: 20, reasons });
    await inputs.hold('web', 2, [], 30); // looked at again
    expect((await inputs.rollout('web'))?.versions[0]?.held?.sinceMs).toBe(20);
    await put(3);
    await inputs.tookOver('web', 3, 40);
    expect(await states()).toEqual({ 1: 'replaced', 2: 'superseded', 3: 'in-force' });
    expect(await inputs.inForce('web')).toBe(3);
  });

  it('are never forgotten while they are in force or can be gone back to', async () => {
    await put(1);
    await inputs.tookOver('web', 1, 1);
    await put(2);
    await inputs.tookOver('web', 2, 2);
    for (let bundle = 3; bundle <= 20; bundle++) await inputs.hold('web', await put(bundle), reasons, bundle);
    const kept = await states();
    expect(kept).toMatchObject({ 1: 'replaced', 2: 'in-force', 20: 'held' });
    expect(Object.keys(kept)).toHaveLength(7);
    expect(await inputs.get('web', 2)).toMatchObject({ number: 2 });
    expect(await inputs.get('web', 3)).toBeNull();
  });

  it('come again under a new number, which stays until the files change', async () => {
    await put(1);
    await inputs.tookOver('web', 1, 1);
    await put(2);
    await inputs.tookOver('web', 2, 2);
    expect(await inputs.repeat('web', 1, { cause: 'rollback', forced: false })).toBe(3);
    expect(await inputs.latest('web')).toMatchObject({ number: 3, bundle: content(1).bundle });
    expect((await inputs.rollout('web'))?.versions[0]).toMatchObject({ cause: 'rollback', from: 1 });
    expect(await inputs.put(content(2), origin)).toEqual({ number: 3, changed: false });
    expect(await inputs.put(content(4), origin)).toEqual({ number: 4, changed: true });
    expect(await inputs.repeat('web', 99, { cause: 'rollback', forced: false })).toBeNull();
  });

  it('go on counting when the input was away, so that no worker mistakes one for another', async () => {
    await put(1);
    await put(2);
    await inputs.remove('web');
    expect(await inputs.names()).toEqual([]);
    expect(await inputs.latest('web')).toBeNull();
    expect(await inputs.rollout('web')).toBeNull();
    expect(await put(1)).toBe(3);
    expect(await states()).toEqual({ 3: 'pending' });
    expect(await server.redis.pttl('{pythond}:input:web')).toBe(-1);
  });
});
