import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Bisection, bisect, type Slice, type SliceFate } from './bisect.ts';

type Fate = SliceFate<string>;
interface Ran extends Bisection<string> {
  readonly sent: Slice[];
}

function run(count: number, send: (slice: Slice, nth: number) => Fate): Ran {
  const strategy = bisect<string>(count);
  const sent: Slice[] = [];
  let step = strategy.next();
  while (!step.done) {
    sent.push(step.value);
    step = strategy.next(send(step.value, sent.length));
  }
  return { ...step.value, sent };
}

const rejecting =
  (bad: ReadonlySet<number>) =>
  (slice: Slice): Fate =>
    [...bad].some((index) => index >= slice.start && index < slice.end)
      ? { kind: 'bad', code: 'rejected', answer: null }
      : { kind: 'accepted' };

function indexes(slices: readonly Slice[]): number[] {
  return slices.flatMap(({ start, end }) => Array.from({ length: end - start }, (_, i) => start + i));
}

const scattered = (count: number) =>
  fc.uniqueArray(fc.nat({ max: count - 1 }), { maxLength: Math.min(count, 60) });
/** Bad points in a row, as a collector makes them that does one thing wrong. */
const inRuns = (count: number) =>
  fc
    .array(fc.tuple(fc.nat({ max: count - 1 }), fc.integer({ min: 1, max: 100 })), { maxLength: 4 })
    .map((runs) =>
      runs.flatMap(([start, length]) => indexes([{ start, end: Math.min(count, start + length) }])),
    );
const batchWithBadPoints = fc.integer({ min: 1, max: 1000 }).chain((count) =>
  fc.record({
    count: fc.constant(count),
    bad: fc.oneof(scattered(count), inRuns(count)).map((list) => new Set(list)),
  }),
);

const ascending = (a: number, b: number) => a - b;

describe('bisect', () => {
  it('finds exactly the bad points of any subset, in order, within the promised number of requests', () => {
    fc.assert(
      fc.property(batchWithBadPoints, ({ count, bad }) => {
        const { accepted, dead, left, sent } = run(count, rejecting(bad));
        expect(indexes(dead)).toEqual([...bad].sort(ascending));
        expect(accepted).toBe(count - bad.size);
        expect(left).toEqual([]);
        expect(sent.length).toBeLessThanOrEqual(2 * bad.size * Math.ceil(Math.log2(count)) + 1);
        expect(sent.length).toBeLessThanOrEqual(2 * count - 1);
      }),
      { numRuns: 10_000 },
    );
  });

  it('accepts each good point exactly once and sends each dead point alone', () => {
    fc.assert(
      fc.property(batchWithBadPoints, ({ count, bad }) => {
        const stored: number[] = [];
        const alone = new Set<number>();
        run(count, (slice) => {
          const fate = rejecting(bad)(slice);
          if (fate.kind === 'accepted') stored.push(...indexes([slice]));
          else if (slice.end - slice.start === 1) alone.add(slice.start);
          return fate;
        });
        expect(stored).toEqual([...Array(count).keys()].filter((index) => !bad.has(index)));
        expect(alone).toEqual(bad);
      }),
      { numRuns: 10_000 },
    );
  });

  it('finds one poison point among a thousand with at most 21 requests, wherever it is', () => {
    for (const poison of [0, 1, 499, 500, 998, 999]) {
      const { dead, accepted, sent } = run(1000, rejecting(new Set([poison])));
      expect(indexes(dead)).toEqual([poison]);
      expect(accepted).toBe(999);
      expect(sent.length).toBeLessThanOrEqual(21);
    }
  });

  it('buries a thousand poison points with hardly more than a thousand requests', () => {
    const { dead, sent } = run(1000, () => ({ kind: 'bad', code: 'rejected', answer: null }));
    expect(dead).toHaveLength(1000);
    expect(sent.length).toBeLessThanOrEqual(1020);
  });

  it('halves what is too large until it fits, and buries only single points', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 0, max: 1000 }), (count, cap) => {
        const { accepted, dead, sent } = run(count, ({ start, end }) =>
          end - start > cap ? { kind: 'too-large', answer: null } : { kind: 'accepted' },
        );
        expect(accepted).toBe(cap === 0 ? 0 : count);
        expect(dead.length).toBe(cap === 0 ? count : 0);
        expect(dead.every(({ code }) => code === 'too-large')).toBe(true);
        expect(sent.length).toBeLessThanOrEqual(2 * count - 1);
      }),
      { numRuns: 10_000 },
    );
  });

  it('accounts for every point exactly once, whenever it is stopped', () => {
    fc.assert(
      fc.property(batchWithBadPoints, fc.integer({ min: 1, max: 40 }), ({ count, bad }, stopAt) => {
        const stored: Slice[] = [];
        const { accepted, dead, left, stopped } = run(count, (slice, nth) => {
          if (nth === stopAt) return { kind: 'stop', why: 'enough' };
          const fate = rejecting(bad)(slice);
          if (fate.kind === 'accepted') stored.push(slice);
          return fate;
        });
        expect(stopped).toBe(left.length > 0 ? 'enough' : null);
        expect(accepted).toBe(indexes(stored).length);
        const leftOver = indexes(left);
        expect(leftOver).toEqual([...leftOver].sort(ascending));
        expect(indexes([...stored, ...dead, ...left]).sort(ascending)).toEqual([...Array(count).keys()]);
      }),
      { numRuns: 10_000 },
    );
  });

  it('buries a slice that is dead as a whole without taking it apart', () => {
    const { dead, sent } = run(10, () => ({ kind: 'dead', code: 'our-bug', answer: null }));
    expect(dead).toEqual([{ start: 0, end: 10, code: 'our-bug', answer: null }]);
    expect(sent).toHaveLength(1);
  });

  it('sends nothing for nothing', () => {
    expect(run(0, () => ({ kind: 'accepted' })).sent).toEqual([]);
  });
});
