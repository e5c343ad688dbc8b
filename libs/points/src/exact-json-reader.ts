import { ExactJsonError, FloatLiteral } from './exact-json-error.ts';
import { endOfDigits } from './exact-json-scan.ts';

export interface ExactReaderOptions {
  readonly allIntegers: boolean;
  readonly maxDepth: number;
  readonly constants: boolean;
}

/** Beyond this an integer is read as infinite: no consumer takes it, and converting it would cost more than it is worth. */
const MAX_INTEGER_DIGITS = 5000;

const fraction = /(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

/** A recursive-descent JSON reader, for the texts that JSON.parse would not read exactly. */
export class ExactJsonReader {
  readonly #text: string;
  readonly #options: ExactReaderOptions;
  #at = 0;
  #depth = 0;

  constructor(text: string, options: ExactReaderOptions) {
    this.#text = text;
    this.#options = options;
  }

  document(): unknown {
    const value = this.#value('');
    this.#skipSpace();
    if (this.#at < this.#text.length) throw this.#unexpected('after the value');
    return value;
  }

  #value(key: string): unknown {
    this.#skipSpace();
    switch (this.#text.charCodeAt(this.#at)) {
      case 34:
        return this.#string();
      case 123:
        return this.#object();
      case 91:
        return this.#array();
      case 116:
        return this.#word('true', true);
      case 102:
        return this.#word('false', false);
      case 110:
        return this.#word('null', null);
      case 78:
        return this.#constant('NaN', Number.NaN);
      case 73:
        return this.#constant('Infinity', Number.POSITIVE_INFINITY);
      default:
        return this.#number(key);
    }
  }

  #object(): Record<string, unknown> {
    const object: Record<string, unknown> = {};
    this.#enter();
    if (this.#isAt(125)) return this.#leave(object);
    for (;;) {
      this.#skipSpace();
      if (this.#text.charCodeAt(this.#at) !== 34) throw this.#unexpected('where a key must stand');
      const key = this.#string();
      if (!this.#isAt(58)) throw this.#unexpected('where a colon must stand');
      this.#at += 1;
      const value = this.#value(key);
      if (key === '__proto__') defineOwn(object, key, value);
      else object[key] = value;
      if (this.#isAt(125)) return this.#leave(object);
      if (!this.#isAt(44)) throw this.#unexpected('after a value of an object');
      this.#at += 1;
    }
  }

  #array(): unknown[] {
    const items: unknown[] = [];
    this.#enter();
    if (this.#isAt(93)) return this.#leave(items);
    for (;;) {
      items.push(this.#value(''));
      if (this.#isAt(93)) return this.#leave(items);
      if (!this.#isAt(44)) throw this.#unexpected('after an item of an array');
      this.#at += 1;
    }
  }

  #string(): string {
    const start = this.#at;
    let end = start + 1;
    let plain = true;
    for (;;) {
      const c = this.#text.charCodeAt(end);
      if (c === 34) break;
      if (Number.isNaN(c)) throw new ExactJsonError('json-syntax', 'a string without an end', start);
      if (c < 32) throw new ExactJsonError('json-syntax', 'a raw control character in a string', end);
      plain &&= c !== 92;
      end += c === 92 ? 2 : 1;
    }
    this.#at = end + 1;
    if (plain) return this.#text.slice(start + 1, end);
    try {
      return JSON.parse(this.#text.slice(start, end + 1)) as string;
    } catch {
      throw new ExactJsonError('json-syntax', 'a wrong escape in the string', start);
    }
  }

  #number(key: string): unknown {
    const text = this.#text;
    const start = this.#at;
    const digits = text.charCodeAt(start) === 45 ? start + 1 : start;
    if (digits > start && text.charCodeAt(digits) === 73)
      return this.#constant('-Infinity', Number.NEGATIVE_INFINITY);
    const end = endOfDigits(text, digits);
    // No digits, or a zero before others: 01 is no JSON.
    if (end === digits) throw this.#unexpected('where a value must stand');
    this.#at = text.charCodeAt(digits) === 48 ? digits + 1 : end;
    if (this.#at !== end) throw this.#unexpected('after a zero');
    const next = text.charCodeAt(end);
    if (next !== 46 && next !== 101 && next !== 69) return this.#integer(text.slice(start, end));
    return this.#float(start, key);
  }

  #float(start: number, key: string): unknown {
    fraction.lastIndex = this.#at;
    const tail = fraction.exec(this.#text)?.[0] ?? '';
    if (tail === '') throw this.#unexpected('in a number');
    this.#at += tail.length;
    const literal = this.#text.slice(start, this.#at);
    const value = Number(literal);
    return Number.isInteger(value) && key.toLowerCase() === 'time' ? new FloatLiteral(literal) : value;
  }

  #integer(literal: string): number | bigint {
    if (literal.length > MAX_INTEGER_DIGITS) return literal.startsWith('-') ? -Infinity : Infinity;
    if (this.#options.allIntegers) return BigInt(literal);
    const value = Number(literal);
    return Number.isSafeInteger(value) ? value : BigInt(literal);
  }

  #constant(word: string, value: number): number {
    if (!this.#options.constants) throw this.#unexpected('where a value must stand');
    return this.#word(word, value);
  }

  #word<T>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) throw this.#unexpected('where a value must stand');
    this.#at += word.length;
    return value;
  }

  #enter(): void {
    this.#depth += 1;
    if (this.#depth > this.#options.maxDepth)
      throw new ExactJsonError('json-too-deep', `more than ${this.#options.maxDepth} levels`, this.#at);
    this.#at += 1;
  }

  #leave<T>(value: T): T {
    this.#depth -= 1;
    this.#at += 1;
    return value;
  }

  #isAt(code: number): boolean {
    this.#skipSpace();
    return this.#text.charCodeAt(this.#at) === code;
  }

  #skipSpace(): void {
    for (;;) {
      const c = this.#text.charCodeAt(this.#at);
      if (c !== 32 && c !== 10 && c !== 13 && c !== 9) return;
      this.#at += 1;
    }
  }

  #unexpected(where: string): ExactJsonError {
    if (this.#at >= this.#text.length)
      return new ExactJsonError('json-syntax', 'the text ends too early', this.#at);
    const found = String.fromCodePoint(this.#text.codePointAt(this.#at) ?? 0);
    return new ExactJsonError('json-syntax', `unexpected ${JSON.stringify(found)} ${where}`, this.#at);
  }
}

function defineOwn(object: object, key: string, value: unknown): void {
  Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
}
