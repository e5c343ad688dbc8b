import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Content, type Found, sharesFrom } from './content.ts';
import { CorruptDeliveryError } from './errors.ts';
import { packDelivery, salvage, unpackDelivery, type WaitingDelivery } from './stored-delivery.ts';

const waiting = (points: readonly string[]): WaitingDelivery => ({
  id: 'd',
  destination: {
    endpoint: 'http://dk:9529',
    category: 'metric',
    query: [['input', 'a&b']],
    form: 'line-protocol',
  },
  points,
  origins: [{ collector: 'c', run: 'r', dueMs: 1, points: points.length }],
  sinceMs: 5,
  tries: 2,
  reason: 'refused',
  history: [{ code: 'late', message: 'too late', attempts: 1, deadMs: 2, replayedMs: 3 }],
});

const found = ({ meta, ...content }: Content): Found => ({ ...content, meta: Buffer.from(meta) });

describe('a delivery that waits in Redis', () => {
  it('comes back as it was, whatever its points hold', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ unit: 'binary' }), { minLength: 1, maxLength: 50 }),
        async (points) => {
          const wellFormed = points.map((point) => point.toWellFormed());
          const stored = found(await packDelivery(waiting(wellFormed)));
          expect(await unpackDelivery('d', stored)).toEqual(waiting(wellFormed));
        },
      ),
    );
  });

  it('is compressed when it is large', async () => {
    const { meta, body } = await packDelivery(
      waiting(new Array(1_000).fill('m,t=a v=1 1700000000000000000')),
    );
    expect(JSON.parse(meta)).toMatchObject({ encoding: 'gzip', points: 1_000 });
    expect(body.length).toBeLessThan(2_000);
  });

  it.each(['plain', 'gzip'])('is refused when a byte of it was flipped or cut (%s)', async (encoding) => {
    const points = new Array(encoding === 'gzip' ? 100 : 2).fill('m,t=a v=1 1700000000000000000');
    const stored = found(await packDelivery(waiting(points)));
    expect(stored.meta.toString()).toContain(encoding);
    const flip = (bytes: Buffer) => bytes.map((byte, index) => (index === 9 ? byte ^ 1 : byte)) as Buffer;
    const empty = Buffer.alloc(0);
    const damages: Partial<Found>[] = [
      { body: flip(stored.body) },
      { meta: flip(stored.meta) },
      { body: stored.body.subarray(0, -10) },
      { body: empty },
      { meta: empty },
      { digest: '' },
    ];
    for (const damage of damages) {
      await expect(unpackDelivery('d', { ...stored, ...damage })).rejects.toBeInstanceOf(
        CorruptDeliveryError,
      );
    }
  });

  it('still says whose its points are when it is damaged', async () => {
    const stored = found(await packDelivery(waiting(['a', 'b'])));
    expect(salvage('d', { ...stored, body: Buffer.from('?') })).toMatchObject({
      ...{ origins: waiting(['a', 'b']).origins, destination: { category: 'metric' }, points: [] },
    });
    expect(salvage('d', { ...stored, meta: Buffer.from('{"v":1,"orig') })).toMatchObject({
      ...{ origins: [{ collector: 'c', points: 2 }], destination: { category: 'unknown' } },
    });
    expect(sharesFrom('[["c"')).toEqual([]);
  });
});
