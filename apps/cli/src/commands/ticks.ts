import type { Redis } from '@pythond/queue';
import {
  Collectors,
  type CollectorView,
  Fleet,
  type PoolLag,
  skippedTicks,
  sumOfTicks,
  type TickCounts,
  tickCounts,
  unaccountedTicks,
} from '@pythond/registry';
import { type Context, type HomeFlags, settingsOf } from '../context.ts';
import { CommandError, type ExitCode, exitCodes } from '../exit.ts';
import { withFleet } from '../fleet-connection.ts';
import { oneLine } from '../printable.ts';
import { duration, print, printJson, type Terminal, table } from '../terminal.ts';

export interface TicksFlags extends HomeFlags {
  readonly json?: boolean;
}

/** `pythond ticks [COLLECTOR…]`: what became of every due tick, and how long ticks waited for a worker. */
export async function ticks(
  context: Context,
  wanted: readonly string[],
  flags: TicksFlags,
): Promise<ExitCode> {
  const settings = await settingsOf(context, { ...(flags.home ? { home: flags.home } : {}) });
  return withFleet(settings, async (redis) => {
    const views = await viewsOf(redis, wanted);
    const lags = await new Fleet(redis).lags();
    if (flags.json) printJson(context.terminal, toJson(views, lags));
    else printTicks(context.terminal, views, lags);
    return exitCodes.ok;
  });
}

async function viewsOf(redis: Redis, wanted: readonly string[]): Promise<CollectorView[]> {
  const all = await new Collectors(redis).list();
  for (const part of wanted) {
    if (all.some((view) => fits(view, part))) continue;
    throw new CommandError(`No collector has ${JSON.stringify(part)} in its id; \`pythond ls\` lists them.`);
  }
  return wanted.length === 0 ? all : all.filter((view) => wanted.some((part) => fits(view, part)));
}

function fits({ record }: CollectorView, part: string): boolean {
  return record.id.toLowerCase().includes(part.toLowerCase());
}

function toJson(views: readonly CollectorView[], lags: readonly PoolLag[]) {
  const total = sumOfTicks(views.map(({ counts }) => tickCounts(counts)));
  return {
    collectors: views.map((view) => {
      const counts = tickCounts(view.counts);
      const { id, everyMs, pool } = view.record;
      return {
        id,
        everyMs,
        pool,
        ticks: counts,
        going: isGoing(view),
        unaccounted: unaccountedTicks(counts),
      };
    }),
    total: { ticks: total, unaccounted: unaccountedTicks(total) },
    lags: lags.map(({ pool, lag }) => ({
      ...{ pool, ticks: lag.total, p50Ms: atMost(lag, 0.5), p99Ms: atMost(lag, 0.99), maxMs: lag.max },
    })),
  };
}

/** Of the ticks that run: whether the newest has not ended yet, or its worker has died with it. */
function isGoing({ openDueMs, running }: CollectorView): boolean {
  return openDueMs !== null || running?.kind === 'grid';
}

/** Quantiles are upper bounds of buckets: no more than the greatest value, which is exact. */
function atMost(lag: PoolLag['lag'], q: number): number {
  return Math.min(lag.quantile(q), lag.max);
}

/** Those that are 0 almost always get a column only when one is not. */
const RARE = ['missed', 'lost', 'late', 'rerun'] as const;

function printTicks(terminal: Terminal, views: readonly CollectorView[], lags: readonly PoolLag[]): void {
  if (views.length === 0) return print(terminal, 'No collectors yet; `pythond ls` says what is wrong.');
  const all = views.map(({ record, counts }) => ({ name: oneLine(record.id), ticks: tickCounts(counts) }));
  const total = sumOfTicks(all.map((one) => one.ticks));
  const rare = RARE.filter((name) => total[name] !== 0);
  const columns = [
    { title: 'COLLECTOR', shrinks: true },
    ...['due', 'run', 'skipped', ...rare].map((name) => ({
      title: name.toUpperCase(),
      align: 'right' as const,
    })),
  ];
  const row = (name: string, counts: TickCounts) => [
    name,
    ...[counts.due, counts.run, skippedTicks(counts), ...rare.map((one) => counts[one])].map(number),
  ];
  const rows = all.map((one) => row(one.name, one.ticks));
  if (rows.length > 1) rows.push(row('all', total));
  print(terminal, table(terminal, columns, rows));
  const reasons = Object.entries(total.skipped).map(
    ([reason, count]) => `${number(count)} ${oneLine(reason)}`,
  );
  if (reasons.length > 0) print(terminal, `Skipped: ${reasons.join(', ')}.`);
  for (const { pool, lag } of lags) {
    const [p50, p99, max] = [atMost(lag, 0.5), atMost(lag, 0.99), lag.max].map(duration);
    print(
      terminal,
      `Lag in pool ${oneLine(pool)}: p50 ${p50}, p99 ${p99}, at most ${max}, of ${number(lag.total)} ticks.`,
    );
  }
}

function number(count: number): string {
  return count.toLocaleString('en-US');
}
