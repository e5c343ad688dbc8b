import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { selectShares } from './selection.ts';

const shares = fc.array(fc.record({ run: fc.nat(), points: fc.integer({ min: 1, max: 9 }) }), {
  maxLength: 9,
});

describe('selectShares', () => {
  it('counts the chosen points of each origin, in order, and leaves out the others', () => {
    fc.assert(
      fc.property(shares, fc.func(fc.boolean()), (all, choose) => {
        const owners = all.flatMap((share) => Array.from({ length: share.points }, () => share));
        const indexes = [...owners.keys()].filter((index) => choose(index));
        const expected = all
          .map((share) => ({ ...share, points: indexes.filter((index) => owners[index] === share).length }))
          .filter(({ points }) => points > 0);
        expect(selectShares(all, indexes)).toEqual(expected);
      }),
      { numRuns: 5000 },
    );
  });
});
