/**
 * What can become of a point. `emitted` is what collectors reported in runs that were recorded, or that reached Redis;
 * `queued`, `dead` and `late` are where points are now; the rest is where they ended.
 */
export const ledgerStates = [
  'emitted',
  'accepted',
  'queued',
  'dead',
  'late',
  'dropped',
  'purged',
  'lost',
] as const;
export type LedgerState = (typeof ledgerStates)[number];

/** Points by state. */
export type LedgerCounts = Readonly<Record<LedgerState, number>>;

/** One collector's points for one DataKit. */
export interface LedgerEntry {
  readonly collector: string;
  /** An origin such as `http://127.0.0.1:9529`; '' for points that could go nowhere. */
  readonly endpoint: string;
  readonly counts: LedgerCounts;
}

/** Points that are emitted and nowhere: 0, except while they move. */
export function unaccounted({ emitted, ...rest }: LedgerCounts): number {
  return Object.values(rest).reduce((left, points) => left - points, emitted);
}

export function sumOf(entries: readonly Pick<LedgerEntry, 'counts'>[]): LedgerCounts {
  const sum = noPoints();
  for (const { counts } of entries) for (const state of ledgerStates) sum[state] += counts[state];
  return sum;
}

export function noPoints(): Record<LedgerState, number> {
  return { emitted: 0, accepted: 0, queued: 0, dead: 0, late: 0, dropped: 0, purged: 0, lost: 0 };
}
