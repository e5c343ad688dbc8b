import { statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestRedis, type TestRedis } from '../../support/redis.ts';
import { openBox, printed } from './support.ts';

let redis: TestRedis;
let BOX_REDIS = '';
beforeAll(async () => {
  redis = await startTestRedis();
  BOX_REDIS = join(redis.dir, 'redis.sock');
  expect(statSync(BOX_REDIS).isSocket() && statSync(join(redis.dir, 'password')).isFile()).toBe(true);
});
afterAll(() => redis.stop());

describe("the fleet's own Redis", () => {
  it('is out of reach for a collector that knows where it is', async () => {
    const box = await openBox({}, { env: { BOX_REDIS } });
    const refused = { list: 'EACCES', password: 'EACCES', ask: 'EAFNOSUPPORT', answer: [] };
    expect(printed(await box.run('Thief'))).toEqual(refused);
  });

  it('asks one with unix_sockets = true for a password, or is behind a folder that is closed to it', async () => {
    const box = await openBox({ unixSockets: true }, { env: { BOX_REDIS } });
    const told = printed(await box.run('Thief'));
    expect(told).toMatchObject({ list: 'EACCES', password: 'EACCES' });
    expect([told['ask'], told['answer']]).toEqual(
      box.confinement.uid === null ? ['OK', ['-NOAUTH']] : ['EACCES', []],
    );
  });
});
