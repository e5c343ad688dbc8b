import { printable, quoted, unshowable } from './printable.ts';
import {
  bad,
  badUnshown,
  gather,
  good,
  mapReading,
  type Reader,
  type Reading,
  repeating,
} from './reading.ts';

export const readBoolean: Reader<boolean> = (value) =>
  typeof value === 'boolean' ? good(value) : bad('must be true or false, without quotation marks');

/** One of a few words. */
export function choiceReader<const T extends string>(choices: readonly T[]): Reader<T> {
  const listed = choices.map((choice) => `"${choice}"`);
  const rule = `must be ${listed.slice(0, -1).join(', ')} or ${listed.at(-1)}`;
  return (value) => {
    const found = choices.find((choice) => choice === value);
    return found === undefined ? bad(rule) : good(found);
  };
}

export function integerReader({ min, max }: { readonly min: number; readonly max: number }): Reader<number> {
  return (value) =>
    typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max
      ? good(value)
      : bad(`must be a whole number from ${min} to ${max}`);
}

/** A string of at least one character, all of them visible. */
export const readText: Reader<string> = (value) => {
  if (typeof value !== 'string' || value.trim() === '') return bad('must be a string that is not empty');
  const hidden = unshowable(value);
  return hidden === null ? good(value) : badUnshown(`must not hold the character ${hidden}`);
};

/** A string of a fixed alphabet. `rule` completes "must be". */
export function patternReader(pattern: RegExp, rule: string): Reader<string> {
  return (value) => (typeof value === 'string' && pattern.test(value) ? good(value) : bad(`must be ${rule}`));
}

/** A list whose every entry reads well; the faults of all of them come together, each with its place. */
export function listReader<T>(entry: Reader<T>, example: string): Reader<readonly T[]> {
  return (value) => {
    if (typeof value === 'string') {
      return repeating(bad('must be a list', `write [${JSON.stringify(printable(value))}]`));
    }
    if (!Array.isArray(value)) return bad('must be a list', `write ${example}`);
    return gather(value.map((item: unknown, i) => placed(entry(item), i + 1, item)));
  };
}

function placed<T>(reading: Reading<T>, place: number, item: unknown): Reading<T> {
  if (reading.ok) return reading;
  const faults = reading.faults.map((fault) => ({
    ...fault,
    text: `has a wrong entry ${place}: it ${fault.text}`,
    shows: fault.shows === 'value' ? { entry: item } : fault.shows,
  }));
  return { ok: false, faults };
}

/** A list of at least one entry. */
export function filledListReader<T>(entry: Reader<T>, example: string): Reader<readonly T[]> {
  const read = listReader(entry, example);
  return (value) =>
    Array.isArray(value) && value.length === 0
      ? bad('must have at least one entry', `write ${example}`)
      : read(value);
}

/** The same, each entry once, in the order in which they first stand. */
export function distinct<T>(reader: Reader<readonly T[]>): Reader<readonly T[]> {
  return (value) => mapReading(reader(value), (values) => [...new Set(values)]);
}

/** A value in the fewest words that tell it apart. */
export function describe(value: unknown): string {
  if (typeof value === 'string') return value === '' ? 'an empty string' : quoted(value);
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint')
    return String(value);
  if (Array.isArray(value)) return 'a list';
  return value instanceof Date ? 'a date' : 'a table';
}
