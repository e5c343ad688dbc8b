import { expect } from 'vitest';
import type { AcceptedPoints } from './accepted-points.ts';

/** A point of a test carries a text of its own, such as `pt-3f9a-17`, as a tag. */
const MARK = /pt-[0-9a-z]+-\d+/g;

/** The marks of the points in a text, whatever their form. */
export function marksIn(text: string): string[] {
  return [...text.matchAll(MARK)].map(([mark]) => mark);
}

/** Where every point is, as told by those who have it: nobody is asked for more than its own part. */
export interface Balance {
  /** The marks of all that was reported, as the test's own collector wrote them down. */
  readonly emitted: readonly string[];
  /** What the receiving servers took. */
  readonly accepted: readonly AcceptedPoints[];
  /** The marks in dead letters. */
  readonly dead?: readonly string[];
  /** The marks in deliveries that wait, and in those that were dropped on purpose. */
  readonly waiting?: readonly string[];
  readonly dropped?: readonly string[];
  /** The fleet's own sums, to be compared with those found here. */
  readonly ledger?: LedgerSums;
}

/** What the fleet says of itself, in points. */
export interface LedgerSums {
  readonly emitted: number;
  /** Of different points. */
  readonly accepted: number;
  readonly dead: number;
  readonly waiting: number;
  readonly dropped: number;
}

/**
 * Every point that was reported is in exactly one place; nothing is anywhere that was not reported; and what was
 * accepted more than once is the same each time: in measurement, tags, fields and time. Gives what was found.
 */
export function expectConserved(balance: Balance): LedgerSums {
  const { emitted, accepted, dead = [], waiting = [], dropped = [], ledger } = balance;
  const arrived = accepted.flatMap((one) => one.all()).flatMap(({ point }) => markOf(point.tags, point.line));
  expect(repeated(arrived), 'accepted more than once, and not the same each time').toEqual([]);
  const places = { accepted: arrived, dead, waiting, dropped };
  const found = Object.values(places).flat();
  expect(repeated(emitted), 'reported twice by the test itself').toEqual([]);
  expect(repeated(found), `in more than one place: ${placesOf(repeated(found), places)}`).toEqual([]);
  expect([...found].sort(), 'every point that was reported, once').toEqual([...emitted].sort());
  const sums: LedgerSums = {
    emitted: emitted.length,
    accepted: arrived.length,
    dead: dead.length,
    waiting: waiting.length,
    dropped: dropped.length,
  };
  if (ledger) expect(ledger, "the fleet's own account").toEqual(sums);
  return sums;
}

function markOf(tags: Readonly<Record<string, string>>, line: string): string[] {
  const mark = tags['mark'];
  return mark === undefined ? marksIn(line).slice(0, 1) : [mark];
}

function repeated(marks: readonly string[]): string[] {
  const seen = new Set<string>();
  return marks.filter((mark) => seen.size === seen.add(mark).size);
}

function placesOf(marks: readonly string[], places: Readonly<Record<string, readonly string[]>>): string {
  const [first] = marks;
  if (first === undefined) return 'none';
  const where = Object.entries(places).filter(([, list]) => list.includes(first));
  return `${first} in ${where.map(([place]) => place).join(', ')}`;
}
