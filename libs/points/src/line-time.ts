import { skipBlank } from './line-search.ts';
import { LineError } from './line-token.ts';
import { MAX_INT64, MAX_LINE_TIME, MIN_INT64 } from './time.ts';

/** The time that stands in a line from `from` on; null where there is none. */
export function readLineTime(line: string, from: number): bigint | null {
  const start = skipBlank(line, from);
  let end = line.charAt(start) === '-' ? start + 1 : start;
  while (end < line.length && line.charCodeAt(end) >= 48 && line.charCodeAt(end) <= 57) end += 1;
  const tail = line.charAt(end);
  if (tail !== '' && tail !== ' ' && tail !== '\n') throw new LineError('bad timestamp');
  if (end === start) return null;
  const time = readTime(line.slice(start, end));
  if (/[^ ]/.test(line.slice(end))) throw new LineError('point is invalid');
  return time;
}

function readTime(digits: string): bigint {
  const problem = (what: string) => new LineError(`strconv.ParseInt: parsing "${digits}": ${what}`);
  if (digits === '-') throw problem('invalid syntax');
  const time = digits.length > 40 ? MAX_INT64 + 1n : BigInt(digits);
  if (time > MAX_INT64 || time < MIN_INT64) throw problem('value out of range');
  if (time > MAX_LINE_TIME || time < -MAX_LINE_TIME) {
    throw new LineError(`time outside range ${-MAX_LINE_TIME} - ${MAX_LINE_TIME}`);
  }
  return time;
}
