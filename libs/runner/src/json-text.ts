import { isAscii, isUtf8 } from 'node:buffer';
import { FrameError } from './errors.ts';

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** Below this size a text can't grow into much: its values are not counted before it is parsed. */
const COUNT_FROM_BYTES = 64 * 1024;
/** A value costs up to some 100 bytes of heap, `{}` being the worst: so 100,000 take 10 MB at most. */
const MAX_VALUES = 100_000;

/** A string with a character beyond Latin-1 takes two bytes for each: more than this is not worth that much. */
const MAX_WIDE_BYTES = 8 * 1024 * 1024;
/** From here on Buffer.toString would put the text outside of V8's heap, where old text piles up for longer. */
const LARGE_BYTES = 512 * 1024;
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Parses the JSON object of a frame that came from an untrusted process. The caller has bounded its size. */
export function parseObject(bytes: Buffer): object {
  if (bytes.length > COUNT_FROM_BYTES && countValues(bytes) > MAX_VALUES) {
    throw new FrameError('does-not-fit', `a JSON text of more than ${MAX_VALUES} values`);
  }
  const value = parseText(utf8(bytes, 0, bytes.length));
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw new FrameError('not-an-object', 'a payload that is JSON, but not an object');
}

/** The text of a part of a payload. Python's json.dumps writes nothing but ASCII, so that size is no matter there. */
export function utf8(bytes: Buffer, from: number, to: number): string {
  const part = from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to);
  if (part.length > MAX_WIDE_BYTES && !isAscii(part)) {
    throw new FrameError('too-long', `more than ${MAX_WIDE_BYTES} bytes of text that is not ASCII`);
  }
  if (!isUtf8(part)) throw new FrameError('bad-utf8', 'a JSON text that is not UTF-8');
  return part.length > LARGE_BYTES ? decoder.decode(part) : part.toString('utf8');
}

/** The span of one member's value in the text of an object, and the rest of the object with null in its place. */
export interface SplitObject {
  readonly rest: unknown;
  readonly from: number;
  readonly to: number;
}

/**
 * Takes the value of one top-level member out of a JSON object without parsing it: what a script reported has to
 * be parsed by a parser that keeps its integers and NaN, and only once. The value's own syntax is left to that
 * parser (only brackets and strings are followed, without recursion, at about 600 MB/s); the rest is parsed here.
 *
 * `key` is plain ASCII. An object that has the member twice, or not at all, is refused, as is one whose other
 * members take more than `maxRest` bytes.
 */
export function splitObject(bytes: Buffer, key: string, maxRest: number): SplitObject {
  const { from, to } = findMember(bytes, key);
  if (bytes.length - (to - from) > maxRest) {
    throw new FrameError('too-long', `more than ${maxRest} bytes besides "${key}"`);
  }
  const rest = parseText(`${utf8(bytes, 0, from)}null${utf8(bytes, to, bytes.length)}`);
  if ((rest as Record<string, unknown>)[key] !== null) {
    throw new FrameError('does-not-fit', `"${key}" twice in one object`);
  }
  return { rest, from, to };
}

function findMember(bytes: Buffer, key: string): { from: number; to: number } {
  let at = skipSpace(bytes, 0);
  if (bytes[at] !== OPEN_OBJECT) parseObject(bytes); // which says what it is instead
  do {
    const keyFrom = skipSpace(bytes, at + 1);
    if (bytes[keyFrom] !== QUOTE) break;
    const keyTo = skipString(bytes, keyFrom);
    const colon = skipSpace(bytes, keyTo);
    if (bytes[colon] !== COLON) break;
    const from = skipSpace(bytes, colon + 1);
    const to = skipValue(bytes, from);
    if (isKey(bytes, keyFrom + 1, keyTo - 1, key)) return { from, to };
    at = skipSpace(bytes, to);
  } while (bytes[at] === COMMA);
  throw new FrameError('does-not-fit', `no "${key}" in the object`);
}

function isKey(bytes: Buffer, from: number, to: number, key: string): boolean {
  return to - from === key.length && bytes.toString('latin1', from, to) === key;
}

function skipSpace(bytes: Buffer, from: number): number {
  let at = from;
  while (isSpace(bytes[at])) at++;
  return at;
}

/** From an opening quote to behind the closing one. */
function skipString(bytes: Buffer, from: number): number {
  for (let at = from + 1; ; ) {
    const c = bytes[at];
    if (c === QUOTE) return at + 1;
    if (c === undefined) throw unfinished();
    at += c === BACKSLASH ? 2 : 1;
  }
}

function skipValue(bytes: Buffer, from: number): number {
  const first = bytes[from];
  if (first === QUOTE) return skipString(bytes, from);
  if (first === OPEN_ARRAY || first === OPEN_OBJECT) return skipNested(bytes, from);
  let at = from;
  for (let c = first; c !== COMMA && c !== CLOSE_OBJECT && !isSpace(c); c = bytes[at]) {
    if (c === undefined) throw unfinished();
    at++;
  }
  return at;
}

function isSpace(c: number | undefined): boolean {
  return c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09;
}

function skipNested(bytes: Buffer, from: number): number {
  let depth = 0;
  for (let at = from; ; ) {
    const c = bytes[at];
    if (c === undefined) throw unfinished();
    if (c === QUOTE) {
      at = skipString(bytes, at);
      continue;
    }
    at++;
    if (c === OPEN_ARRAY || c === OPEN_OBJECT) depth++;
    else if ((c === CLOSE_ARRAY || c === CLOSE_OBJECT) && --depth === 0) return at;
  }
}

function countValues(bytes: Buffer): number {
  let count = 1;
  for (let at = 0; at < bytes.length; ) {
    const c = bytes[at];
    if (c === QUOTE) {
      at = skipString(bytes, at);
      continue;
    }
    if (c === COMMA || c === OPEN_ARRAY || c === OPEN_OBJECT) count++;
    at++;
  }
  return count;
}

function unfinished(): FrameError {
  return new FrameError('bad-json', 'a JSON text that ends in the middle');
}

function parseText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new FrameError('bad-json', 'a payload that is not JSON', { cause });
  }
}
