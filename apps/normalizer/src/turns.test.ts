import { describe, expect, it } from 'vitest';
import { type Turn, Turns } from './turns.ts';

function make() {
  let nowMs = 1_000;
  const turns = new Turns({ most: 2, perSecond: 10, now: () => nowMs });
  return { turns, after: (ms: number) => (nowMs += ms) };
}
const waitOf = (turn: Turn) => ('waitMs' in turn ? turn.waitMs : 0);
const end = (turn: Turn) => 'end' in turn && turn.end();

describe('the turns of DataKits', () => {
  it('are had at once while few deliveries of a DataKit are in hand, and again when one has ended', () => {
    const { turns } = make();
    const first = turns.take('a');
    expect(['end' in first, 'end' in turns.take('a'), 'end' in turns.take('a')]).toEqual([true, true, false]);
    end(first);
    expect('end' in turns.take('a')).toBe(true);
  });

  it('of one DataKit do not wait for those of another', () => {
    const { turns } = make();
    for (let nth = 0; nth < 1_000; nth += 1) turns.take('a');
    expect('end' in turns.take('b')).toBe(true);
  });

  it('come one after the other, as far apart as the rate asks, for those that are sent away', () => {
    const { turns, after } = make();
    turns.take('a');
    turns.take('a');
    expect([1, 2, 3].map(() => waitOf(turns.take('a')))).toEqual([100, 200, 300]);
    after(250);
    expect(waitOf(turns.take('a'))).toBe(150);
    after(60_000);
    expect(waitOf(turns.take('a'))).toBe(100);
  });
});
