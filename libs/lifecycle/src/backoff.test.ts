import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fullJitter } from './backoff.ts';

const nearlyOne = () => 1 - Number.EPSILON;

describe('fullJitter', () => {
  it('stays between nothing and the doubled base, and never passes the cap', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 1e6 }),
        fc.integer({ min: 0, max: 1e7 }),
        fc.integer({ min: 1, max: 5000 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (baseMs, capMs, attempt, r) => {
          const waitMs = fullJitter({ baseMs, capMs, attempt, random: () => r });
          expect(Number.isInteger(waitMs)).toBe(true);
          expect(waitMs).toBeGreaterThanOrEqual(0);
          expect(waitMs).toBeLessThanOrEqual(Math.min(capMs, baseMs * 2 ** Math.min(attempt - 1, 1000)));
        },
      ),
      { numRuns: 10_000 },
    );
  });

  it('doubles its upper bound with every attempt until the cap', () => {
    const longest = [1, 2, 3, 7, 8, 1000].map((attempt) =>
      fullJitter({ baseMs: 1000, capMs: 60_000, attempt, random: nearlyOne }),
    );
    expect(longest).toEqual([999, 1999, 3999, 59_999, 59_999, 59_999]);
  });

  it('can wait nothing at all', () => {
    expect(fullJitter({ baseMs: 1000, capMs: 60_000, attempt: 9, random: () => 0 })).toBe(0);
  });

  it('takes an attempt below one for the first', () => {
    expect(fullJitter({ baseMs: 1000, capMs: 60_000, attempt: 0, random: nearlyOne })).toBe(999);
  });
});
