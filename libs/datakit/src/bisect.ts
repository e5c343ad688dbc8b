import type { Answer } from './answer.ts';

/** A run of points: `start` inclusive, `end` exclusive. */
export interface Slice {
  readonly start: number;
  readonly end: number;
}

/** Why points will never be accepted. Stable: dead letters carry it. */
export type DeadCode =
  /** DataKit refuses the point. */
  | 'rejected'
  /** DataKit answers the point with a 200 that it does not own: it broke on it. */
  | 'not-acknowledged'
  | 'too-large'
  | 'damaged'
  | 'our-bug';

/** What sending a slice told. `S` is what the driver wants to remember about a stop. */
export type SliceFate<S> =
  | { readonly kind: 'accepted' }
  /** One point at least is bad, and nothing was stored. */
  | { readonly kind: 'bad'; readonly code: DeadCode; readonly answer: Answer | null }
  /** Too much at once: it says nothing about the single points. */
  | { readonly kind: 'too-large'; readonly answer: Answer | null }
  /** All of it is dead, whatever its parts are. */
  | { readonly kind: 'dead'; readonly code: DeadCode; readonly answer: Answer | null }
  /** Nothing can be learnt now: this slice and all after it are left. */
  | { readonly kind: 'stop'; readonly why: S };

export interface DeadSlice extends Slice {
  readonly code: DeadCode;
  readonly answer: Answer | null;
}

export interface Bisection<S> {
  readonly accepted: number;
  /** In order. */
  readonly dead: readonly DeadSlice[];
  /** In order; empty unless stopped. */
  readonly left: readonly Slice[];
  readonly stopped: S | null;
}

/**
 * Finds the bad points of a batch by halving: yields slices to send, in order, and takes what became of each. With k
 * bad of n points that is at most 2k * ceil(log2 n) + 1 slices, never more than 2n - 1, and about n when nothing is good.
 * A point is never called bad without having been sent alone.
 */
export function* bisect<S>(count: number): Generator<Slice, Bisection<S>, SliceFate<S>> {
  const found: Found<S> = { accepted: 0, dead: [], left: [], stopped: null };
  if (count > 0) yield* search({ start: 0, end: count }, 'unknown', found);
  return found;
}

/**
 * What is known of a slice before it is sent. `bad`: its other half was accepted, so the bad point must be here.
 * `presumed-bad`: every point of its other half was bad, so one of these will be, too. Either would be sent whole in vain.
 */
type Expectation = 'unknown' | 'bad' | 'presumed-bad';

/** So many bad points in a row, and not one good among them, that what follows is presumed to be bad. */
const PRESUME_FROM = 4;

interface Found<S> {
  accepted: number;
  readonly dead: DeadSlice[];
  readonly left: Slice[];
  stopped: S | null;
}

/** Settles one slice. Gives whether anything in it was bad. */
function* search<S>(
  slice: Slice,
  expectation: Expectation,
  found: Found<S>,
): Generator<Slice, boolean, SliceFate<S>> {
  if (found.left.length > 0) return leave(slice, found);
  const single = slice.end - slice.start === 1;
  if (expectation !== 'unknown' && !single) return yield* searchHalves(slice, expectation, found);
  const fate = yield slice;
  switch (fate.kind) {
    case 'accepted':
      found.accepted += slice.end - slice.start;
      return false;
    case 'stop':
      found.stopped = fate.why;
      return leave(slice, found);
    case 'dead':
      return bury(slice, fate.code, fate.answer, found);
    case 'bad':
      if (single) return bury(slice, fate.code, fate.answer, found);
      return yield* searchHalves(slice, 'bad', found);
    case 'too-large':
      if (single) return bury(slice, 'too-large', fate.answer, found);
      return yield* searchHalves(slice, 'unknown', found);
  }
}

function* searchHalves<S>(
  { start, end }: Slice,
  expectation: Expectation,
  found: Found<S>,
): Generator<Slice, boolean, SliceFate<S>> {
  const middle = Math.ceil((start + end) / 2);
  const { accepted } = found;
  const presumed = expectation === 'presumed-bad';
  const leftBad = yield* search({ start, end: middle }, presumed ? expectation : 'unknown', found);
  const noneGood = leftBad && found.accepted === accepted;
  const goesOn = noneGood && (presumed || middle - start >= PRESUME_FROM);
  const unlike = expectation === 'bad' && !leftBad ? 'bad' : 'unknown';
  const rightBad = yield* search({ start: middle, end }, goesOn ? 'presumed-bad' : unlike, found);
  return leftBad || rightBad;
}

function leave<S>(slice: Slice, found: Found<S>): boolean {
  found.left.push(slice);
  return false;
}

function bury<S>(slice: Slice, code: DeadCode, answer: Answer | null, found: Found<S>): boolean {
  found.dead.push({ ...slice, code, answer });
  return true;
}
