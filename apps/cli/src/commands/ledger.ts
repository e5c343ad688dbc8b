import {
  Ledger,
  type LedgerCounts,
  type LedgerEntry,
  ledgerStates,
  sumOf,
  unaccounted,
} from '@pythond/ledger';
import type { Redis } from '@pythond/queue';
import { type Context, type HomeFlags, settingsOf } from '../context.ts';
import { CommandError, type ExitCode, exitCodes } from '../exit.ts';
import { withFleet } from '../fleet-connection.ts';
import { oneLine } from '../printable.ts';
import { print, printJson, type Terminal, table } from '../terminal.ts';

export interface LedgerFlags extends HomeFlags {
  readonly json?: boolean;
}

/** `pythond ledger [COLLECTOR]`: what became of every point. */
export async function ledger(
  context: Context,
  wanted: string | undefined,
  flags: LedgerFlags,
): Promise<ExitCode> {
  const settings = await settingsOf(context, { ...(flags.home ? { home: flags.home } : {}) });
  return withFleet(settings, async (redis) => {
    const entries = await entriesOf(redis, wanted);
    const total = sumOf(entries);
    if (flags.json) printJson(context.terminal, toJson(entries, total));
    else printLedger(context.terminal, entries, total);
    return exitCodes.ok;
  });
}

async function entriesOf(redis: Redis, wanted: string | undefined): Promise<LedgerEntry[]> {
  const all = await new Ledger(redis).entries();
  if (wanted === undefined) return all;
  const fitting = all.filter(({ collector }) => collector.includes(wanted));
  if (fitting.length > 0) return fitting;
  throw new CommandError(
    `No collector whose id holds ${JSON.stringify(wanted)} has reported a point; \`pythond ledger\` lists those that have.`,
  );
}

function toJson(entries: readonly LedgerEntry[], total: LedgerCounts) {
  return {
    entries: entries.map((entry) => ({ ...entry, unaccounted: unaccounted(entry.counts) })),
    total: { counts: total, unaccounted: unaccounted(total) },
  };
}

/** What is almost always 0 gets a column only when it is not. */
const ALWAYS: ReadonlySet<string> = new Set(['emitted', 'accepted', 'queued', 'dead']);

function printLedger(terminal: Terminal, entries: readonly LedgerEntry[], total: LedgerCounts): void {
  if (entries.length === 0) return print(terminal, 'No collector has reported a point yet.');
  const states = ledgerStates.filter((state) => ALWAYS.has(state) || total[state] !== 0);
  const moving = unaccounted(total);
  const columns = [
    { title: 'COLLECTOR', shrinks: true },
    { title: 'DATAKIT', shrinks: true },
    ...states.map((state) => ({ title: state.toUpperCase(), align: 'right' as const })),
  ];
  const numbers = (counts: LedgerCounts) => states.map((state) => counts[state].toLocaleString('en-US'));
  const rows = entries.map(({ collector, endpoint, counts }) => [
    oneLine(collector),
    oneLine(endpoint.replace(/^https?:\/\//, '') || 'nowhere'),
    ...numbers(counts),
  ]);
  if (entries.length > 1) rows.push(['all', '', ...numbers(total)]);
  print(terminal, table(terminal, columns, rows));
  if (moving !== 0) {
    print(terminal, `${moving.toLocaleString('en-US')} points are between two places just now; look again.`);
  }
}
