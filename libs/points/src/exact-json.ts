import { FloatLiteral } from './exact-json-error.ts';
import { ExactJsonReader } from './exact-json-reader.ts';
import { needsExactReader } from './exact-json-scan.ts';

export interface ExactJsonOptions {
  /**
   * `big` (default): an integer beyond ±(2^53 - 1) is a bigint, every other number a number.
   * `all`: every integer literal is a bigint, so that 1 and 1.0 can be told apart.
   */
  readonly integers?: 'all' | 'big';
  /** How deep arrays and objects may nest; 1,000 unless said otherwise, which is more than json.dumps writes. */
  readonly maxDepth?: number;
  /** False: NaN, Infinity and -Infinity are errors, as in standard JSON. */
  readonly constants?: boolean;
}

/**
 * Reads JSON as Python's json.dumps writes it: NaN, Infinity and -Infinity are numbers, and no integer loses a digit
 * (one of more than 5,000 digits counts as infinite). Of a key that occurs twice the last value counts. Objects are
 * plain ones in which a key `__proto__` is an own property like any other; look keys up as own properties.
 *
 * A whole float as the value of a key `time` comes back as a {@link FloatLiteral}. Texts that need none of this care go
 * through JSON.parse.
 *
 * @throws ExactJsonError with the position
 */
export function parseExactJson(text: string, options: ExactJsonOptions = {}): unknown {
  const maxDepth = options.maxDepth ?? 1000;
  if (options.integers !== 'all' && !needsExactReader(text, maxDepth)) {
    try {
      return JSON.parse(text);
    } catch {
      // The reader below finds the position.
    }
  }
  const reader = new ExactJsonReader(text, {
    allIntegers: options.integers === 'all',
    maxDepth,
    constants: options.constants !== false,
  });
  return reader.document();
}

/**
 * Writes what {@link parseExactJson} read: a bigint as its digits, a FloatLiteral as it stood, a whole float as an
 * integer (JavaScript has one kind of number). For people and for other JSON readers: NaN and the infinities, which
 * JSON does not have, become the strings "NaN", "Infinity" and "-Infinity".
 */
export function stringifyExact(value: unknown, indent = 0): string {
  return write(value, indent === 0 ? '' : `\n`, ' '.repeat(indent));
}

function write(value: unknown, newline: string, step: string): string {
  switch (typeof value) {
    case 'bigint':
      return value.toString();
    case 'number':
      if (!Number.isFinite(value)) return `"${value}"`;
      return Object.is(value, -0) ? '-0' : String(value);
    case 'string':
      return JSON.stringify(value);
    case 'boolean':
      return String(value);
    case 'object':
      return value === null ? 'null' : writeObject(value, newline, step);
    default:
      return 'null';
  }
}

function writeObject(value: object, newline: string, step: string): string {
  if (value instanceof FloatLiteral) return value.text;
  const inner = newline + step;
  if (Array.isArray(value)) {
    return wrap(
      '[',
      value.map((item) => write(item, inner, step)),
      ']',
      newline,
      inner,
    );
  }
  const colon = newline === '' ? ':' : ': ';
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .map(([key, member]) => `${JSON.stringify(key)}${colon}${write(member, inner, step)}`);
  return wrap('{', members, '}', newline, inner);
}

function wrap(open: string, parts: readonly string[], close: string, newline: string, inner: string): string {
  if (parts.length === 0) return open + close;
  return open + inner + parts.join(`,${inner}`) + newline + close;
}
