/** What a back-off needs to know. All times are milliseconds. */
export interface FullJitterOptions {
  /** The upper bound of the first wait. */
  readonly baseMs: number;
  /** No wait is longer than this. */
  readonly capMs: number;
  /** Which retry this is: 1 for the first one. */
  readonly attempt: number;
  /** A number in [0, 1), such as Math.random gives. */
  readonly random: () => number;
}

/**
 * How long to wait before a retry: anything from 0 to min(cap, base * 2^(attempt - 1)), evenly. "Full" jitter spreads
 * many clients that failed together best (AWS Architecture Blog, "Exponential Backoff And Jitter").
 * Gives whole milliseconds in [0, min(capMs, baseMs * 2^(attempt - 1))].
 */
export function fullJitter({ baseMs, capMs, attempt, random }: FullJitterOptions): number {
  // Bounded, since 0 * Infinity is not a number.
  const doublings = Math.min(Math.max(0, Math.floor(attempt) - 1), 1000);
  const ceilingMs = Math.min(capMs, baseMs * 2 ** doublings);
  return Math.floor(random() * ceilingMs);
}
