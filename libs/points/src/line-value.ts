import { findUnescaped } from './line-search.ts';
import { readBoolean } from './line-token.ts';
import type { FieldValue, ScalarValue } from './point-draft.ts';
import { MAX_INT64, MAX_UINT64, MIN_INT64 } from './time.ts';

/**
 * A value that the line's scan let through and that can't be read after all. DataKit then leaves out the point without
 * a word and takes the rest of the body.
 */
export class UnreadableValueSignal extends Error {
  override readonly name = 'UnreadableValueSignal';
}

type Kind = ScalarValue['type'];

/** Null for what DataKit skips: an empty array, and one whose type it can't tell from the first item. */
export function readValue(text: string): FieldValue | null {
  if (!(text.startsWith('[') && text.endsWith(']'))) {
    const kind = kindOf(text);
    return kind === null ? null : readScalar(kind, text);
  }
  const items = text.slice(1, -1);
  const comma = findUnescaped(text, 1, ',');
  // The type is that of the text before the first comma, even when that comma is inside a string: vectors have no such
  // array, but `["a,b"]` is read as nothing and `["ab,c"]` as base64.
  const kind = kindOf(comma === -1 ? items : text.slice(1, comma));
  if (kind === null) return null;
  const texts = kind === 'string' || kind === 'bytes' ? splitStrings(items) : splitAtCommas(items);
  return { type: 'array', items: texts.map((item) => readItem(kind, item)) };
}

function kindOf(text: string): Kind | null {
  if (text === '' || text === 'NaN' || text === '+Inf' || text === '-Inf') return null;
  if (text.startsWith('[') && text.endsWith(']')) return null;
  if (readBoolean(text) !== undefined) return 'bool';
  if (text.startsWith('"')) return text.endsWith('b') ? 'bytes' : text.endsWith('"') ? 'string' : null;
  if (text.endsWith('i')) return 'int';
  return text.endsWith('u') ? 'uint' : 'float';
}

function readScalar(kind: Kind, text: string): ScalarValue {
  if (kind === 'string') return { type: 'string', value: unescapeString(text.slice(1, -1)) };
  if (kind === 'bytes') return readBytes(text.slice(1, -2));
  return readItem(kind, text);
}

/** In an array a string is already without its quotes. */
function readItem(kind: Kind, text: string): ScalarValue {
  switch (kind) {
    case 'string':
      return { type: 'string', value: unescapeString(text) };
    case 'bytes':
      return readBytes(text);
    case 'bool': {
      const value = readBoolean(text);
      if (value === undefined) throw new UnreadableValueSignal(`not a boolean: ${text}`);
      return { type: 'bool', value };
    }
    case 'int':
      return { type: 'int', value: readInteger(text.slice(0, -1), MIN_INT64, MAX_INT64) };
    case 'uint':
      return { type: 'uint', value: readInteger(text.slice(0, -1), 0n, MAX_UINT64) };
    case 'float': {
      const value = text.trim() === '' ? Number.NaN : Number(text);
      if (!Number.isFinite(value)) throw new UnreadableValueSignal(`not a number: ${text}`);
      return { type: 'float', value };
    }
  }
}

function readInteger(text: string, min: bigint, max: bigint): bigint {
  const value = /^[+-]?\d{1,30}$/.test(text) ? BigInt(text.replace('+', '')) : null;
  if (value === null || value < min || value > max)
    throw new UnreadableValueSignal(`not an integer: ${text}`);
  return value;
}

/** Base64 may be broken by line ends; nothing at all is none. */
function readBytes(text: string): ScalarValue {
  const value = text.replace(/[\r\n]/g, '');
  if (text === '' || Buffer.from(value, 'base64').toString('base64') !== value) {
    throw new UnreadableValueSignal(`not base64: ${text}`);
  }
  return { type: 'bytes', value };
}

function unescapeString(text: string): string {
  return text.includes('\\') ? text.replace(/\\([\\"])/g, '$1') : text;
}

function splitAtCommas(text: string): string[] {
  const items: string[] = [];
  let from = 0;
  while (from < text.length) {
    const comma = findUnescaped(text, from, ',');
    const end = comma === -1 ? text.length : comma;
    items.push(text.slice(from, end));
    from = end + 1;
  }
  return items;
}

function splitStrings(text: string): string[] {
  const items: string[] = [];
  let from = 0;
  for (;;) {
    const open = findUnescaped(text, from, '"');
    const close = open === -1 ? -1 : findUnescaped(text, open + 1, '"');
    if (close === -1) return items;
    items.push(text.slice(open + 1, close));
    from = close + 1;
  }
}
