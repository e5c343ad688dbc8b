import type { LetterHead } from '@pythond/outbox';
import type { Context } from '../../context.ts';
import { type ExitCode, exitCodes } from '../../exit.ts';
import { oneLine } from '../../printable.ts';
import { ago, print, printJson, type Terminal, table } from '../../terminal.ts';
import { headsOf, type SelectionFlags } from './selection.ts';
import { withDead } from './with-dead.ts';

export interface DeadLsFlags extends SelectionFlags {
  readonly limit: number;
}

/** As much of an id as tells letters apart, and as fits a line. */
const ID_SHOWN = 10;

/** `pythond dead ls`: what was refused for good, newest first. */
export async function deadLs(context: Context, flags: DeadLsFlags): Promise<ExitCode> {
  return withDead(context, flags, async (dead) => {
    const heads = await headsOf(dead, flags);
    const total = { letters: heads.length, points: heads.reduce((sum, { points }) => sum + points, 0) };
    const shown = heads.slice(0, flags.limit);
    if (flags.json) printJson(context.terminal, { letters: shown, total });
    else printLetters(context.terminal, shown, total);
    return exitCodes.ok;
  });
}

function printLetters(
  terminal: Terminal,
  heads: readonly LetterHead[],
  total: { readonly letters: number; readonly points: number },
): void {
  if (heads.length === 0) return print(terminal, 'No dead letters.');
  const columns = [
    { title: 'ID' },
    { title: 'DIED', align: 'right' as const },
    { title: 'POINTS', align: 'right' as const },
    { title: 'CATEGORY' },
    { title: 'REASON', shrinks: true },
    { title: 'COLLECTOR', shrinks: true },
  ];
  const rows = heads.map(({ id, deadMs, points, category, reason, origins }) => [
    id.slice(0, ID_SHOWN),
    ago(deadMs, Date.now()),
    points.toLocaleString('en-US'),
    oneLine(category),
    oneLine(reason.code),
    oneLine(collectorsOf(origins)),
  ]);
  print(terminal, table(terminal, columns, rows));
  const rest = total.letters > heads.length ? ` Shown: the newest ${heads.length} (--limit).` : '';
  const points = total.points.toLocaleString('en-US');
  print(terminal, `${total.letters.toLocaleString('en-US')} letters, ${points} points.${rest}`);
  print(terminal, 'pythond dead show ID tells all of one; replay sends them again; purge ends them.');
}

function collectorsOf(origins: LetterHead['origins']): string {
  const [first, ...others] = new Set(origins.map(({ collector }) => collector));
  return others.length > 0 ? `${first} and ${others.length} more` : (first ?? 'unknown');
}
