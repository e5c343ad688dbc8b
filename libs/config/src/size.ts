import { bad, good, type Reader } from './reading.ts';

const FACTORS = new Map<string, number>([
  ['', 1],
  ['b', 1],
  ['kb', 1000],
  ['mb', 1000 ** 2],
  ['gb', 1000 ** 3],
  ['tb', 1000 ** 4],
  ['kib', 1024],
  ['mib', 1024 ** 2],
  ['gib', 1024 ** 3],
  ['tib', 1024 ** 4],
]);

const SIZE = /^(\d{1,16}(?:\.\d{1,9})?) ?([a-z]{0,3})$/;

/** `"512MiB"` (2^20), `"1GB"` (10^9), `"1.5GiB"`, `"65536"` in whole bytes; null when it is none. */
export function parseSize(text: string): number | null {
  const [, count, unit] = SIZE.exec(text.trim().toLowerCase()) ?? [];
  const factor = unit === undefined ? undefined : FACTORS.get(unit);
  if (count === undefined || factor === undefined) return null;
  const bytes = Math.round(Number(count) * factor);
  return Number.isSafeInteger(bytes) ? bytes : null;
}

/** The largest binary unit that divides the bytes, so that {@link parseSize} gives the same number back. */
export function formatSize(bytes: number): string {
  for (const unit of ['TiB', 'GiB', 'MiB', 'KiB']) {
    const factor = FACTORS.get(unit.toLowerCase()) ?? 1;
    if (bytes >= factor && bytes % factor === 0) return `${bytes / factor}${unit}`;
  }
  return `${bytes}B`;
}

export interface SizeLimits {
  readonly min: number;
  readonly max: number;
  readonly example: string;
}

/** Reads a number of bytes or a size string. "512M" is refused: it means two things in two worlds. */
export function sizeReader({ min, max, example }: SizeLimits): Reader<number> {
  return (value) => {
    const bytes = typeof value === 'string' ? parseSize(value) : value;
    if (typeof bytes !== 'number' || !Number.isSafeInteger(bytes)) {
      return bad('must be a number of bytes or a size such as "512MiB" or "1GB"', `write ${example}`);
    }
    if (bytes < min) return bad(`must be at least ${formatSize(min)}`, `write ${example}`);
    if (bytes > max) return bad(`must be at most ${formatSize(max)}`, `write ${example}`);
    return good(bytes);
  };
}
