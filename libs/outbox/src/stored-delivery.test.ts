import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CorruptDeliveryError } from './errors.ts';
import { loadDelivery, storeDelivery, type WaitingDelivery } from './stored-delivery.ts';

const waiting = (points: readonly string[]): WaitingDelivery => ({
  destination: {
    endpoint: 'http://dk:9529',
    category: 'metric',
    query: [['input', 'a&b']],
    form: 'line-protocol',
  },
  points,
  origins: [{ collector: 'c', run: 'r', dueMs: 1, points: points.length }],
  sinceMs: 5,
  reason: 'refused',
});

describe('a delivery that waits in Redis', () => {
  it('comes back as it was, whatever its points hold', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ unit: 'binary' }), { minLength: 1, maxLength: 50 }),
        async (points) => {
          const wellFormed = points.map((point) => point.toWellFormed());
          const job = JSON.parse(JSON.stringify(await storeDelivery(waiting(wellFormed))));
          expect(await loadDelivery('1', job)).toEqual(waiting(wellFormed));
        },
      ),
    );
  });

  it('is compressed when it is large', async () => {
    const job = await storeDelivery(waiting(new Array(1_000).fill('m,t=a v=1 1700000000000000000')));
    expect(job.encoding).toBe('gzip');
    expect(job.body.length).toBeLessThan(2_000);
    expect((await loadDelivery('1', job)).points).toHaveLength(1_000);
  });

  it.each(['plain', 'gzip'])('is refused when a byte of it was flipped or cut (%s)', async (encoding) => {
    const job = await storeDelivery(
      waiting(new Array(encoding === 'gzip' ? 100 : 2).fill('m,t=a v=1 1700000000000000000')),
    );
    expect(job.encoding).toBe(encoding);
    const flipped = {
      ...job,
      body: `${job.body.slice(0, 30)}${job.body[30] === 'A' ? 'B' : 'A'}${job.body.slice(31)}`,
    };
    const cut = { ...job, body: job.body.slice(0, -10) };
    for (const damaged of [flipped, cut, { ...job, points: 7 }, { ...job, body: undefined }, null, 'x']) {
      await expect(loadDelivery('1', damaged)).rejects.toBeInstanceOf(CorruptDeliveryError);
    }
  });
});
