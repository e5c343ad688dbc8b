import { createHash } from 'node:crypto';
import { Ledger, sumOf } from '@pythond/ledger';
import { Normalizer, type NormalizerEvent } from '@pythond/normalizer';
import { DeadLetters, Outbox } from '@pythond/outbox';
import { createLogger } from '@pythond/telemetry';
import { expect, it, onTestFinished } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { startFaultyDatakit } from '../../support/faulty-datakit.ts';
import { startTestRedis } from '../../support/redis.ts';

it('a delivery that a newer version made is left for its normalizers, not buried', async () => {
  const redis = await startTestRedis();
  onTestFinished(() => redis.stop());
  const datakit = await startFaultyDatakit();
  onTestFinished(() => datakit.close());
  const outbox = new Outbox(redis.redis);
  onTestFinished(() => outbox.close());
  const dead = new DeadLetters(redis.redis);
  onTestFinished(() => dead.close());
  const key = '{pythond}:delivery:d1';
  await outbox.wait(
    {
      ...{ id: 'd1', sinceMs: Date.now(), tries: 1, reason: 'refused' },
      destination: { endpoint: datakit.url, category: 'metric', query: [], form: 'line-protocol' },
      points: [`m v=1i ${Date.now()}000000`],
      origins: [{ collector: 'a', run: 'r', dueMs: 0, points: 1 }],
    },
    0,
  );
  const kept = await redis.redis.hgetall(key);
  const ofFormat = async (change: object) => {
    const meta = JSON.stringify({ ...JSON.parse(kept['meta'] ?? ''), ...change });
    const { body, shares, endpoint } = kept;
    const digest = createHash('sha256').update([meta, body, shares, endpoint].join('\n')).digest('hex');
    await redis.redis.hset(key, { meta, digest });
  };
  await ofFormat({ v: 2 });
  const events: NormalizerEvent[] = [];
  const normalizer = new Normalizer({
    fleetMetrics: false,
    ...{ redis: redis.target, outbox: {}, late: 'dead-letter', datakit: null, deadLetterAgeMs: 86_400_000 },
    log: createLogger({ level: 'silent', app: 'normalizer', file: null }),
    onEvent: (event) => events.push(event),
  });
  onTestFinished(() => normalizer.stop());
  await normalizer.start();
  await eventually('it to be left', () => events.length > 0, 100_000);
  expect(events).toEqual([
    { kind: 'left-for-newer', message: expect.stringMatching(/^delivery d1 was made by a newer version/) },
  ]);
  expect(await dead.ids()).toEqual([]);
  expect(await outbox.size()).toMatchObject({ deliveries: 1, points: 1 });
  await ofFormat({}); // as if a newer normalizer read it
  await eventually('it to be delivered', () => datakit.accepted.total === 1, 100_000);
  await eventually('its place to be free', async () => (await outbox.size()).deliveries === 0, 100_000);
  expect(sumOf(await new Ledger(redis.redis).of('a'))).toMatchObject({ emitted: 1, accepted: 1, dead: 0 });
});
