import type { ProblemCode } from './problem.ts';

/** What is wrong with a value, as the rest of a sentence that starts with its key. */
export interface Fault {
  readonly text: string;
  /** What to write instead, as an imperative; null when the text says it all. */
  readonly hint: string | null;
  /** Whether the hint repeats some of the value, which may have been expanded from what must not be shown. */
  readonly hintRepeats?: boolean;
  /** What a message may name after ", not": the whole value, one entry of it, or nothing. */
  readonly shows: 'value' | 'nothing' | { readonly entry: unknown };
  readonly code: ProblemCode;
}

/** What was changed about a value that is used all the same. */
export interface Note {
  readonly text: string;
  readonly hint: string | null;
}

export type Reading<T> =
  | { readonly ok: true; readonly value: T; readonly notes: readonly Note[] }
  | { readonly ok: false; readonly faults: readonly Fault[] };

/** Checks a value from a file, an environment or a flag, and gives it the type that the rest works with. */
export type Reader<T> = (value: unknown) => Reading<T>;

export function good<T>(value: T, ...notes: Note[]): Reading<T> {
  return { ok: true, value, notes };
}

/** `bad('must be true or false', 'write paused = true')`: the message adds what was written instead. */
export function bad(text: string, hint: string | null = null): Reading<never> {
  return { ok: false, faults: [{ text, hint, shows: 'value', code: 'wrong-value' }] };
}

/** The same for a value that must not be shown, or that the text shows already. */
export function badUnshown(
  text: string,
  hint: string | null = null,
  code: ProblemCode = 'wrong-value',
): Reading<never> {
  return { ok: false, faults: [{ text, hint, shows: 'nothing', code }] };
}

/** Marks the hints of a reading as ones that repeat some of the value. */
export function repeating(reading: Reading<never>): Reading<never> {
  if (reading.ok) return reading;
  return { ok: false, faults: reading.faults.map((fault) => ({ ...fault, hintRepeats: true })) };
}

/** Every entry's faults together, or every entry's value. */
export function gather<T>(readings: readonly Reading<T>[]): Reading<readonly T[]> {
  const faults = readings.flatMap((reading) => (reading.ok ? [] : reading.faults));
  if (faults.length > 0) return { ok: false, faults };
  const values = readings.flatMap((reading) => (reading.ok ? [reading.value] : []));
  return good(values, ...readings.flatMap((reading) => (reading.ok ? reading.notes : [])));
}

export function mapReading<A, B>(reading: Reading<A>, change: (value: A) => B): Reading<B> {
  return reading.ok ? { ok: true, value: change(reading.value), notes: reading.notes } : reading;
}
