import { checkKeyLength, LineScanner, MAX_KEY_BYTES } from './line-scanner.ts';
import { endOfLine, findBare, skipBlank } from './line-search.ts';
import { LineError } from './line-token.ts';
import { readValue, UnreadableValueSignal } from './line-value.ts';
import type { FieldValue } from './point-draft.ts';
import { utf8Length } from './text-rules.ts';
import { precisionUnit, toNanoseconds } from './time.ts';

export interface LinePoint {
  /** The number of the line, from 0; blank lines and comments do not count. */
  readonly index: number;
  /** The line as it stood there, without blanks before it. */
  readonly line: string;
  readonly measurement: string;
  readonly tags: ReadonlyMap<string, string>;
  /** Null for a value that is skipped: an empty array. */
  readonly fields: ReadonlyMap<string, FieldValue | null>;
  readonly timeNs: bigint;
  /** Whether the time stood in the line. */
  readonly ownTime: boolean;
}

/** A line that is refused. `position` counts from 1, as DataKit reports it; `message` has its words. */
export interface LineFailure {
  readonly index: number;
  readonly line: string;
  readonly position: number;
  readonly message: string;
}

export interface ParsedLines {
  readonly points: readonly LinePoint[];
  /** DataKit refuses the whole body when there is one. */
  readonly failures: readonly LineFailure[];
  /** Lines that DataKit leaves out without a word, since a value that looked right can't be read after all. */
  readonly unreadable: readonly LineFailure[];
}

export interface ParseLinesOptions {
  /** The query's `precision`; absent, every time is guessed by its size. */
  readonly precision?: string | undefined;
  /** The time of a line that has none, or a negative one. */
  readonly nowNs: bigint;
  readonly byteLength?: (text: string) => number;
}

/**
 * Reads line protocol as DataKit 1.84.1 does, its extensions (arrays, `"…"b` for bytes) and its oddities included.
 * Positions are exact where a char is a byte. Checks by category are not part of it: see checkDraft.
 */
export function parseLineProtocol(text: string, options: ParseLinesOptions): ParsedLines {
  const points: LinePoint[] = [];
  const failures: LineFailure[] = [];
  const unreadable: LineFailure[] = [];
  let position = 1;
  let index = 0;
  let from = 0;
  while (from < text.length) {
    const end = endOfLine(text, from);
    const start = skipBlank(text, from);
    from = end + 1;
    if (start >= end || text.charAt(start) === '#') continue;
    const line = text.slice(start, text.charAt(end - 1) === '\n' ? end - 1 : end);
    try {
      points.push({ index, line, ...readLine(line, options) });
    } catch (error) {
      if (!(error instanceof UnreadableValueSignal || error instanceof LineError)) throw error;
      const list = error instanceof LineError ? failures : unreadable;
      list.push({ index, line, position, message: error.message });
    }
    index += 1;
    // Comments and blank lines do not count: the position is one past the last line that held a point.
    position = from + 1;
  }
  return { points, failures, unreadable };
}

function readLine(line: string, options: ParseLinesOptions): Omit<LinePoint, 'index' | 'line'> {
  const byteLength = options.byteLength ?? utf8Length;
  const scanner = new LineScanner(line);
  const parts = scanner.scan(byteLength);
  const raw = splitFields(parts.fields);
  if (line.length * 3 > MAX_KEY_BYTES) {
    const keyBytes = byteLength(line.slice(0, parts.keyEnd));
    for (const [key] of raw) checkKeyLength(keyBytes + 4 + byteLength(key));
  }
  const time = scanner.time();
  const fields = new Map<string, FieldValue | null>();
  for (const [key, text] of raw) {
    const name = unescapeKey(key);
    const value = key === '' ? null : readValue(text);
    // What is skipped does not take the place of an earlier field of its name.
    if (value !== null || !(key === '' || fields.has(name))) fields.set(name, value);
  }
  const tags = [...parts.tags].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    measurement: unescapeKey(parts.measurement),
    tags: new Map(tags.map(([key, value]) => [unescapeTag(key), unescapeTag(value)])),
    fields,
    ...lineTime(time, options),
  };
}

/** A negative time means now, and now is multiplied like any other time (vector lp-precision-s-notime). */
function lineTime(time: bigint | null, options: ParseLinesOptions): { timeNs: bigint; ownTime: boolean } {
  const raw = time === null || time < 0n ? options.nowNs : time;
  const timeNs = raw === 0n ? options.nowNs : toNanoseconds(raw, precisionUnit(options.precision));
  return { timeNs, ownTime: time !== null && time > 0n };
}

function splitFields(text: string): [key: string, value: string][] {
  const fields: [string, string][] = [];
  let from = 0;
  while (from < text.length) {
    const first = text.charAt(from) === '=' ? from : findBare(text, from, '=');
    if (first === -1 || first >= text.length - 1)
      throw new LineError(`invalid value: field-key=${text.slice(from)}`);
    const end = endOfValue(text, first + 1);
    fields.push([text.slice(from, first), text.slice(first + 1, end)]);
    from = end + 1;
  }
  return fields;
}

function endOfValue(text: string, from: number): number {
  let quoted = false;
  let nested = false;
  let i = from;
  while (i < text.length) {
    const c = text.charAt(i);
    if (c === '\\' && (text.charAt(i + 1) === '"' || text.charAt(i + 1) === '\\')) i += 1;
    else if (!quoted && (c === '[' || c === ']')) nested = c === '[';
    else if (c === '"') quoted = !quoted;
    else if (c === ',' && !quoted && !nested) return i;
    i += 1;
  }
  return i;
}

function unescapeKey(text: string): string {
  return text.includes('\\') ? text.replace(/\\([," =])/g, '$1') : text;
}

function unescapeTag(text: string): string {
  return text.includes('\\') ? text.replace(/\\([, =])/g, '$1') : text;
}
