import { findBare, findUnnested, skipBlank } from './line-search.ts';
import { readLineTime } from './line-time.ts';
import { checkBoolean, checkNumber, LineError } from './line-token.ts';

const BACKSLASH = 92;
const QUOTE = 34;
const EQUALS = 61;
const COMMA = 44;
const SPACE = 32;

/** The longest measurement with its tags that line protocol takes, in bytes; a field's key and 4 more count to it. */
export const MAX_KEY_BYTES = 65_535;

/** The parts of a line before its time, still escaped. */
export interface LineParts {
  readonly measurement: string;
  readonly tags: readonly (readonly [key: string, value: string])[];
  readonly keyEnd: number;
  readonly fields: string;
}

/**
 * Takes a line apart as DataKit's parser does: what it refuses, with which words, and what it lets through. A backslash
 * escapes by standing right before a character, also when it is escaped itself, but not inside the fields, where two of
 * them go as a pair.
 */
export class LineScanner {
  readonly #line: string;
  #at = 0;

  constructor(line: string) {
    this.#line = line;
  }

  scan(byteLength: (text: string) => number): LineParts {
    const line = this.#line;
    const nameEnd = this.#measurement();
    const tags = line.charCodeAt(nameEnd) === COMMA ? this.#tags() : [];
    const keyEnd = this.#at;
    if (keyEnd * 3 > MAX_KEY_BYTES) checkKeyLength(byteLength(line.slice(0, keyEnd)));
    const fields = this.#fields();
    return { measurement: line.slice(0, nameEnd), tags, keyEnd, fields };
  }

  #measurement(): number {
    const line = this.#line;
    if (line === '' || line.charCodeAt(0) === COMMA) throw new LineError('missing measurement');
    const end = findBare(line, 1, ', ');
    if (end === -1) throw new LineError('missing fields');
    this.#at = end;
    return end;
  }

  #tags(): [string, string][] {
    const tags: [string, string][] = [];
    while (this.#line.charCodeAt(this.#at) === COMMA) {
      const key = this.#tagKey(this.#at + 1);
      tags.push([key, this.#tagValue(this.#at + 1)]);
    }
    if (new Set(tags.map(([key]) => key)).size < tags.length) throw new LineError('duplicate tags');
    return tags;
  }

  #tagKey(start: number): string {
    if (start >= this.#line.length || ' ,='.includes(this.#line.charAt(start)))
      throw new LineError('missing tag key');
    const end = findBare(this.#line, start + 1, ' ,=');
    if (end === -1 || this.#line.charCodeAt(end) !== EQUALS) throw new LineError('missing tag value');
    this.#at = end;
    return this.#line.slice(start, end);
  }

  #tagValue(start: number): string {
    if (start >= this.#line.length || ' ,'.includes(this.#line.charAt(start)))
      throw new LineError('missing tag value');
    const end = findBare(this.#line, start + 1, '=, ');
    if (end === -1) throw new LineError('missing fields');
    if (this.#line.charCodeAt(end) === EQUALS) throw new LineError('invalid tag format');
    this.#at = end;
    return this.#line.slice(start, end);
  }

  #fields(): string {
    const line = this.#line;
    const start = skipBlank(line, this.#at);
    let quoted = false;
    let equals = 0;
    let commas = 0;
    let i = start;
    while (i < line.length) {
      const c = line.charCodeAt(i);
      if (c === BACKSLASH && i + 1 < line.length) {
        i += 2;
      } else if (c === QUOTE && equals > commas) {
        quoted = !quoted;
        i = quoted ? i + 1 : this.#afterString(i + 1);
      } else if (c === EQUALS && !quoted) {
        equals += 1;
        i = this.#value(i);
      } else {
        if (c === SPACE && !quoted) break;
        if (c === COMMA && !quoted) commas += 1;
        i += 1;
      }
    }
    if (quoted) throw new LineError('unbalanced quotes');
    if (equals === 0 || commas !== equals - 1) throw new LineError('invalid field format');
    this.#at = i;
    return line.slice(start, i);
  }

  #afterString(at: number): number {
    const tail = this.#line.charAt(at);
    if (tail === '' || tail === ',' || tail === ' ') return at;
    if (tail === 'b') return at + 1;
    throw new LineError(tail === '"' ? 'unbalanced quotes' : `invalid string, got tail char \`${tail}'`);
  }

  /** Looks at a value that is not in quotes, from its equals sign on; says where the scan goes on. */
  #value(equals: number): number {
    const line = this.#line;
    const before = line.charAt(equals - 1);
    if ((before === ' ' || before === ',') && line.charCodeAt(equals - 2) !== BACKSLASH) {
      throw new LineError('missing field key');
    }
    const first = line.charAt(equals + 1);
    if (first === '' || first === ',' || first === ' ') throw new LineError('missing field value');
    if (first === '"') return equals + 1;
    if (first === '[') return this.#endOfArray(equals + 2);
    const token = line.slice(equals + 1, this.#endOfToken(equals + 1));
    if (/^[\d.Nn-]/.test(first)) checkNumber(token);
    else checkBoolean(token);
    return equals + 1 + token.length;
  }

  #endOfArray(start: number): number {
    const end = findUnnested(this.#line, start, ']');
    if (end === -1) throw new LineError('missing closing bracket');
    return end;
  }

  #endOfToken(from: number): number {
    let i = from;
    while (i < this.#line.length && this.#line.charCodeAt(i) !== COMMA && this.#line.charCodeAt(i) !== SPACE)
      i += 1;
    return i;
  }

  /** Null where the line has no time. To be called after {@link scan}. */
  time(): bigint | null {
    return readLineTime(this.#line, this.#at);
  }
}

export function checkKeyLength(bytes: number): void {
  if (bytes > MAX_KEY_BYTES) throw new LineError(`max key length exceeded: ${bytes} > ${MAX_KEY_BYTES}`);
}
