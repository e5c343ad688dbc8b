import { MAX_INT64, MAX_UINT64, MIN_INT64 } from './time.ts';

/** What is wrong with a line, in the words of DataKit's parser. Never crosses the library's face. */
export class LineError extends Error {
  override readonly name = 'LineError';
}

const plainNumber = /^-?(?:\d+\.?\d*|\.\d+)$/;
const scientificNumber = /^-?(?:\d+\.?\d*|\.\d+)[eE][+-]?\d+$/;

/** From this length on a number without an exponent is tried, whether a float can hold it. */
const LONG_FLOAT = 25;

export function checkNumber(token: string): void {
  if (/^-?\d+i$/.test(token)) checkInteger(token.slice(0, -1));
  else if (/^\d+u$/.test(token)) checkUnsigned(token.slice(0, -1));
  else if (plainNumber.test(token)) {
    if (token.length >= LONG_FLOAT && !Number.isFinite(Number(token))) throw new LineError('invalid float');
  } else if (scientificNumber.test(token)) {
    if (!Number.isFinite(Number(token))) throw new LineError('invalid float');
  } else {
    throw new LineError(
      /^-?[\d.][\d.eE+-]*$/.test(token) && /e/i.test(token) ? 'invalid float' : 'invalid number',
    );
  }
}

function checkInteger(digits: string): void {
  const value = digits.length > 25 ? MAX_INT64 + 1n : BigInt(digits);
  if (value <= MAX_INT64 && value >= MIN_INT64) return;
  const cause = `strconv.ParseInt: parsing "${digits}": value out of range`;
  throw new LineError(`unable to parse integer ${digits}: ${cause}`);
}

function checkUnsigned(digits: string): void {
  if (digits.length <= 25 && BigInt(digits) <= MAX_UINT64) return;
  const cause = `strconv.ParseUint: parsing "${digits}": value out of range`;
  throw new LineError(`unable to parse unsigned ${digits}: ${cause}`);
}

const booleans: ReadonlyMap<string, boolean> = new Map([
  ...['t', 'T', 'true', 'True', 'TRUE'].map((word) => [word, true] as const),
  ...['f', 'F', 'false', 'False', 'FALSE'].map((word) => [word, false] as const),
]);

export function readBoolean(token: string): boolean | undefined {
  return booleans.get(token);
}

export function checkBoolean(token: string): void {
  if (!booleans.has(token)) throw new LineError('invalid boolean');
}
