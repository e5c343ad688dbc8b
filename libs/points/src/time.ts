const multipliers = {
  n: 1n,
  u: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
} as const;

export type PrecisionUnit = keyof typeof multipliers;

/**
 * What a query's `precision` means to DataKit: absent or empty, every time is guessed by its size; one that it does not
 * know (`us`, `ns`, anything) means nanoseconds.
 */
export function precisionUnit(precision: string | undefined): PrecisionUnit | 'guess' {
  if (precision === undefined || precision === '') return 'guess';
  return Object.hasOwn(multipliers, precision) ? (precision as PrecisionUnit) : 'n';
}

/** The unit that DataKit guesses: below 10^10 seconds, below 10^13 milliseconds, below 10^16 microseconds. */
export function guessUnit(time: bigint | number): PrecisionUnit {
  if (time < 1e10) return 's';
  if (time < 1e13) return 'ms';
  return time < 1e16 ? 'u' : 'n';
}

/** A time in nanoseconds, multiplied as DataKit does it: in 64 bits, where a result too big wraps around. */
export function toNanoseconds(time: bigint, unit: PrecisionUnit | 'guess'): bigint {
  return BigInt.asIntN(64, time * multipliers[unit === 'guess' ? guessUnit(time) : unit]);
}

export const MAX_INT64 = 2n ** 63n - 1n;
export const MIN_INT64 = -(2n ** 63n);
export const MAX_UINT64 = 2n ** 64n - 1n;

/** The latest time that line protocol takes. */
export const MAX_LINE_TIME = MAX_INT64 - 1n;

/** The milliseconds of a time in nanoseconds given as decimal digits. */
export function nsToMs(ns: string): number {
  return ns.length > 6 && ns.charCodeAt(0) !== 45 ? Number(ns.slice(0, -6)) : Math.floor(Number(ns) / 1e6);
}

/**
 * A metric older than this is not sent: DataKit overwrites every time further than two hours from its own clock with
 * now, so two late points of one series would collapse into one. Ten minutes are left for the way and the clocks.
 */
export const LATE_AFTER_MS = 110 * 60_000;

export function isLate(timeMs: number, nowMs: number): boolean {
  return nowMs - timeMs > LATE_AFTER_MS;
}
