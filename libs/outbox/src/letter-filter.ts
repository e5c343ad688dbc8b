import type { DeadLetter } from '@pythond/jobs';

/** Which dead letters are meant; what is left out means all. */
export interface LetterFilter {
  /** A collector's id, or a part of it. */
  readonly collector?: string;
  /** The reason's code, whole. */
  readonly code?: string;
  readonly category?: string;
  /** Dead at or after this moment, milliseconds. */
  readonly sinceMs?: number;
  /** Dead before this moment, milliseconds. */
  readonly beforeMs?: number;
}

export function matches(letter: Omit<DeadLetter, 'body'>, filter: LetterFilter): boolean {
  const { collector, code, category, sinceMs = 0, beforeMs = Number.POSITIVE_INFINITY } = filter;
  if (code !== undefined && letter.reason.code !== code) return false;
  if (category !== undefined && letter.category !== category) return false;
  if (letter.deadMs < sinceMs || letter.deadMs >= beforeMs) return false;
  return collector === undefined || letter.origins.some((origin) => origin.collector.includes(collector));
}
