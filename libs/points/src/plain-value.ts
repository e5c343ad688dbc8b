import { encodeFloat } from './encode-line.ts';
import { MAX_INT64, MAX_UINT64, MIN_INT64 } from './time.ts';

/** A text of so many UTF-16 units can't have more bytes than DataKit keeps of a tag's value (1,024). */
const MAX_TAG_UNITS = 341;

/** Null where it is not even a float. */
export function encodeInteger(value: bigint): string | null {
  if (value >= MIN_INT64 && value <= MAX_INT64) return `${value}i`;
  return value >= 0n && value <= MAX_UINT64 ? `${value}u` : encodeFinite(Number(value));
}

export function encodeFinite(value: number): string | null {
  return Number.isFinite(value) ? encodeFloat(value) : null;
}

/** Null for a value that DataKit changes, or that might not get through as it is. */
export function escapeTagValue(value: string): string | null {
  const { length } = value;
  if (length === 0 || length > MAX_TAG_UNITS) return null;
  let hasSpecial = false;
  let ascii = true;
  for (let i = 0; i < length; i += 1) {
    const c = value.charCodeAt(i);
    if (c < 32 || c === 92) return null;
    if (c === 32 || c === 44 || c === 61) hasSpecial = true;
    else if (c > 126) ascii = false;
  }
  if (!ascii && !value.isWellFormed()) return null;
  return hasSpecial ? value.replace(/[, =]/g, '\\$&') : value;
}
