/**
 * What became of a collector's ticks. At rest and while runs go on, after any kill, this holds:
 *
 *     due = run + skipped (all reasons) + missed + lost
 *
 * Every tick moves in one step of a script: counted as due with run or skipped when it is taken, with missed when a later
 * one shows the gap, from run to lost when a later one starts and its own end was never recorded. `late` and `rerun` tell
 * more of those that run; they are no terms of the sum.
 */
export interface TickCounts {
  readonly due: number;
  /** Started; the one that goes on now, too. */
  readonly run: number;
  /** By reason: `overlap`, `paused`; `unknown` is what versions without reasons counted. */
  readonly skipped: Readonly<Record<string, number>>;
  readonly missed: number;
  readonly lost: number;
  /** Of run (and lost): those that started more than one interval after they were due. */
  readonly late: number;
  /** Tries again, for a worker died or stopped with a run of any kind. */
  readonly rerun: number;
}

const SKIPPED = 'skipped';
const BY_REASON = 'skipped:';

/** @param counts of a `CollectorView` */
export function tickCounts(counts: Readonly<Record<string, number>>): TickCounts {
  const { due = 0, run = 0, missed = 0, lost = 0, late = 0, rerun = 0 } = counts;
  return { due, run, skipped: skippedOf(counts), missed, lost, late, rerun };
}

/** 0, unless ticks were counted wrongly. */
export function unaccountedTicks({ due, run, skipped, missed, lost }: TickCounts): number {
  return due - run - sumOf(skipped) - missed - lost;
}

export function skippedTicks({ skipped }: TickCounts): number {
  return sumOf(skipped);
}

export function sumOfTicks(all: readonly TickCounts[]): TickCounts {
  const skipped: Record<string, number> = {};
  for (const one of all) {
    for (const [reason, ticks] of Object.entries(one.skipped))
      skipped[reason] = (skipped[reason] ?? 0) + ticks;
  }
  const total = (name: Exclude<keyof TickCounts, 'skipped'>) => all.reduce((sum, one) => sum + one[name], 0);
  return {
    ...{ due: total('due'), run: total('run'), skipped, missed: total('missed'), lost: total('lost') },
    ...{ late: total('late'), rerun: total('rerun') },
  };
}

/** What Redis counts for a collector, with `skipped` for those of all reasons, and of none as earlier versions counted. */
export function withSkipped(counted: Readonly<Record<string, number>>): Record<string, number> {
  const skipped = (counted[SKIPPED] ?? 0) + sumOf(byReason(counted));
  return skipped === 0 ? { ...counted } : { ...counted, skipped };
}

function skippedOf(counts: Readonly<Record<string, number>>): Record<string, number> {
  const known = byReason(counts);
  const unknown = (counts[SKIPPED] ?? 0) - sumOf(known);
  return unknown > 0 ? { ...known, unknown } : known;
}

function byReason(counts: Readonly<Record<string, number>>): Record<string, number> {
  const found = Object.entries(counts).filter(([name]) => name.startsWith(BY_REASON));
  return Object.fromEntries(found.map(([name, ticks]) => [name.slice(BY_REASON.length), ticks]));
}

function sumOf(skipped: Readonly<Record<string, number>>): number {
  return Object.values(skipped).reduce((sum, ticks) => sum + ticks, 0);
}
