import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { categories } from './category.ts';
import { isTooLate, lateIndexes, lateReason } from './late.ts';
import { normalise } from './normalise.ts';
import { LATE_AFTER_MS } from './time.ts';

const NOW_MS = 1_700_000_000_000;
const line = (ageMs: number) => `cpu,host=a\\ b v=1,s="it is 12" ${NOW_MS - ageMs}000000`;
const metric = { category: 'metric' } as const;

describe('a point that is late', () => {
  it('is a metric older than 110 minutes, by its own time', () => {
    const ages = [0, LATE_AFTER_MS, LATE_AFTER_MS + 1, 3 * 3_600_000, -3_600_000];
    expect(lateIndexes(metric, ages.map(line), NOW_MS)).toEqual([2, 3]);
    expect(ages.map((age) => isTooLate('metric', NOW_MS - age, NOW_MS, 'dead-letter'))).toEqual([
      false,
      false,
      true,
      true,
      false,
    ]);
  });

  it('is sent all the same where that is asked for, and in every other category', () => {
    const old = [line(24 * 3_600_000)];
    expect(lateIndexes(metric, old, NOW_MS, 'send')).toEqual([]);
    for (const category of categories) {
      expect(lateIndexes({ category }, old, NOW_MS)).toEqual(category === 'metric' ? [0] : []);
      expect(isTooLate(category, 0, NOW_MS, 'send')).toBe(false);
    }
  });

  it('is found among JSON objects, too', () => {
    const points = [0, LATE_AFTER_MS + 1].map(
      (age) => `{"measurement":"time\\":1","time":${NOW_MS - age}000000,"fields":{"v":1}}`,
    );
    expect(lateIndexes({ category: 'metric', form: 'json' }, points, NOW_MS)).toEqual([1]);
  });

  it('is nothing whose time can not be read', () => {
    expect(lateIndexes(metric, ['', 'cpu v=1', 'cpu v=1 x', '\n'], NOW_MS)).toEqual([]);
    expect(
      lateIndexes({ category: 'metric', form: 'json' }, ['', '{', '[]', 'null', '{"time":null}'], NOW_MS),
    ).toEqual([]);
  });

  it('is the same whether it is looked at before it is sent or afterwards', () => {
    const times = fc.array(fc.bigInt({ min: 1n, max: 2n ** 62n }), { maxLength: 8 });
    fc.assert(
      fc.property(times, fc.integer({ min: 0, max: 5e12 }), (all, nowMs) => {
        const points = all.map((time) => ({ measurement: 'cpu', fields: { v: 1 }, time }));
        const { accepted } = normalise(points, { category: 'metric', precision: 'n', time: () => '1' });
        const before = accepted.flatMap(({ timeMs }, index) =>
          isTooLate('metric', timeMs, nowMs, 'dead-letter') ? [index] : [],
        );
        expect(
          lateIndexes(
            metric,
            accepted.map((point) => point.line),
            nowMs,
          ),
        ).toEqual(before);
      }),
      { numRuns: 10_000 },
    );
  });

  it('says since when', () => {
    expect(lateReason(NOW_MS)).toContain('2023-11-14T22:13:20.000Z');
    expect(lateReason(1e300)).toContain('1e+300');
  });
});
