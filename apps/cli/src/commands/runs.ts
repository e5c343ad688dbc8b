import type { RunRecord } from '@pythond/jobs';
import { Collectors } from '@pythond/registry';
import { type Context, type HomeFlags, settingsOf } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit.ts';
import { withFleet } from '../fleet-connection.ts';
import { oneLine } from '../printable.ts';
import { duration, print, printJson, type Terminal, table } from '../terminal.ts';
import { findCollector } from './find-collector.ts';
import { outcomeText } from './show.ts';

export interface RunsFlags extends HomeFlags {
  readonly json?: boolean;
  /** How many of the newest. */
  readonly limit: number;
  /** Only those that did not succeed. */
  readonly failed?: boolean;
}

/** More than Redis keeps of a collector. */
export const ALL_RUNS = 1_000;

/** `pythond runs COLLECTOR`: its newest runs, newest first. */
export async function runs(context: Context, wanted: string, flags: RunsFlags): Promise<ExitCode> {
  const settings = await settingsOf(context, { ...(flags.home ? { home: flags.home } : {}) });
  return withFleet(settings, async (redis) => {
    const collectors = new Collectors(redis);
    const { record } = await findCollector(collectors, wanted);
    const kept = await collectors.runs(record.id, flags.failed ? ALL_RUNS : flags.limit);
    const fitting = flags.failed ? kept.filter(({ outcome }) => outcome.kind !== 'succeeded') : kept;
    const newest = fitting.slice(0, flags.limit);
    if (flags.json) printJson(context.terminal, { collector: record.id, runs: newest });
    else printRuns(context.terminal, record.id, newest, flags.failed === true);
    return exitCodes.ok;
  });
}

/** How a run is named on the command line: when it was due. */
export function runName({ dueMs }: Pick<RunRecord, 'dueMs'>): string {
  return new Date(dueMs).toISOString();
}

function printRuns(terminal: Terminal, id: string, all: readonly RunRecord[], failed: boolean): void {
  if (all.length === 0) {
    print(terminal, failed ? 'No run that is kept has failed.' : 'No run has ended yet.');
    return;
  }
  const right = 'right' as const;
  const columns = [
    { title: 'RUN' },
    { title: 'OUTCOME', shrinks: true },
    { title: 'TOOK', align: right },
    { title: 'LAG', align: right },
    { title: 'POINTS', align: right },
    { title: 'DEAD', align: right },
    { title: 'KIND' },
  ];
  print(
    terminal,
    table(
      terminal,
      columns,
      all.map((run) => row(terminal, run)),
    ),
  );
  print(terminal, `\`pythond logs ${oneLine(id)} --run RUN\` shows what one printed.`);
}

function row({ colors }: Terminal, run: RunRecord): string[] {
  const outcome = outcomeText(run);
  return [
    runName(run),
    run.outcome.kind === 'succeeded' ? colors.green(outcome) : colors.red(outcome),
    duration(run.phases.runMs),
    duration(run.phases.lagMs),
    String(run.points.reported),
    String(run.points.dead),
    run.kind,
  ];
}
