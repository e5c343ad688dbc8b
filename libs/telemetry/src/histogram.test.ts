import { expect, it } from 'vitest';
import { Histogram } from './histogram.ts';

const BOUNDS = [1, 2, 4];

it('puts values into the bucket under whose bound they are, and tells quantiles as such bounds', () => {
  const histogram = new Histogram(BOUNDS);
  expect(histogram.quantile(0.5)).toBeNaN();
  for (const value of [0, 1, 1.5, 4, 100]) histogram.observe(value);
  expect(histogram.counts).toEqual([2, 1, 1, 1]);
  expect([0.4, 0.5, 0.8, 1].map((q) => histogram.quantile(q))).toEqual([1, 2, 4, Number.POSITIVE_INFINITY]);
  expect(histogram).toMatchObject({ total: 5, sum: 106.5, max: 100 });
});

it('is the same when it was stored, and adds up with another', () => {
  const one = new Histogram(BOUNDS);
  for (const value of [1, 2]) one.observe(value);
  const stored = Histogram.of(BOUNDS, [0, 3, 0, 1], 7);
  expect(stored).toMatchObject({ total: 4, max: 7, counts: [0, 3, 0, 1] });
  one.add(stored);
  expect(one).toMatchObject({ total: 6, max: 7, counts: [1, 4, 0, 1] });
});
