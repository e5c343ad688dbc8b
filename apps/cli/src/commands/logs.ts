import type { CollectorId, RunRecord } from '@pythond/jobs';
import { pause } from '@pythond/lifecycle';
import { Collectors } from '@pythond/registry';
import { type Context, type HomeFlags, settingsOf } from '../context.ts';
import { CommandError, type ExitCode, exitCodes } from '../exit.ts';
import { withFleet } from '../fleet-connection.ts';
import { harmlessJson, oneLine } from '../printable.ts';
import { duration, print, printJson, type Terminal } from '../terminal.ts';
import { findCollector } from './find-collector.ts';
import { ALL_RUNS, runName } from './runs.ts';
import { outcomeText, printRunBody } from './show.ts';

export interface LogsFlags extends HomeFlags {
  readonly json?: boolean;
  /** Goes on with every run that ends, until Ctrl-C. */
  readonly follow?: boolean;
  /** One run: its id, or what its due time begins with. */
  readonly run?: string;
}

/** So many of the newest are shown when none is named. */
const NEWEST = 5;
const LOOK_MS = 500;

/** `pythond logs COLLECTOR`: what its runs printed, with tracebacks, the newest last. */
export async function logs(context: Context, wanted: string, flags: LogsFlags): Promise<ExitCode> {
  if (flags.follow && flags.run !== undefined)
    throw new CommandError('--follow shows runs to come, --run one that was; not both.');
  const settings = await settingsOf(context, { ...(flags.home ? { home: flags.home } : {}) });
  return withFleet(settings, async (redis) => {
    const collectors = new Collectors(redis);
    const { record, running } = await findCollector(collectors, wanted);
    const kept = await collectors.runs(record.id, ALL_RUNS);
    const chosen = flags.run === undefined ? kept.slice(0, NEWEST).reverse() : [findRun(kept, flags.run)];
    const whole = await Promise.all(chosen.map((run) => withOutput(collectors, record.id, run)));
    const shown = running && flags.run === undefined ? [...whole, running] : whole;
    if (flags.json && !flags.follow) {
      printJson(context.terminal, { collector: record.id, runs: shown.map(toJson) });
      return exitCodes.ok;
    }
    for (const run of shown) tell(context.terminal, run, flags);
    if (shown.length === 0 && !flags.follow) print(context.terminal, 'No run has ended yet.');
    if (flags.follow) await follow(context, collectors, record.id, kept, flags);
    return exitCodes.ok;
  });
}

/** The newest records hold the beginning of what a run printed; all of it is kept apart for a while. */
async function withOutput(collectors: Collectors, id: CollectorId, run: RunRecord): Promise<RunRecord> {
  const { stdoutBytes, stderrBytes, stdout, stderr } = run;
  const isWhole = Buffer.byteLength(stdout) >= stdoutBytes && Buffer.byteLength(stderr) >= stderrBytes;
  const output = isWhole ? null : await collectors.output(id, run.id);
  return output ? { ...run, stdout: output.stdout, stderr: output.stderr } : run;
}

function findRun(kept: readonly RunRecord[], wanted: string): RunRecord {
  const exact = kept.find(({ id }) => id === wanted);
  if (exact) return exact;
  const fitting = kept.filter((run) => runName(run).startsWith(wanted));
  const [only] = fitting;
  if (only && fitting.length === 1) return only;
  if (fitting.length === 0)
    throw new CommandError(`No run that is kept is called ${wanted}; \`pythond runs\` lists them.`);
  const names = fitting.slice(0, 5).map((run) => `  ${runName(run)}  ${run.id}`);
  throw new CommandError(`${wanted} fits ${fitting.length} runs; write more of one:\n${names.join('\n')}`);
}

async function follow(
  { terminal, signal }: Context,
  collectors: Collectors,
  id: CollectorId,
  kept: readonly RunRecord[],
  flags: LogsFlags,
): Promise<void> {
  const told = new Set(kept.map((run) => run.id));
  while (!signal.aborted) {
    const newer = (await collectors.runs(id, ALL_RUNS)).filter((run) => !told.has(run.id));
    for (const run of newer.reverse()) {
      told.add(run.id);
      tell(terminal, await withOutput(collectors, id, run), flags);
    }
    await pause(LOOK_MS, signal);
  }
}

/** While following, JSON is an object a line. */
function tell(terminal: Terminal, run: RunRecord, { json, follow: isFollowing }: LogsFlags): void {
  if (json && isFollowing) return print(terminal, harmlessJson(JSON.stringify(toJson(run))));
  const { colors } = terminal;
  const took = run.outcome.kind === 'running' ? 'for' : 'in';
  const paint =
    run.outcome.kind === 'succeeded' || run.outcome.kind === 'running' ? colors.green : colors.red;
  const outcome = paint(outcomeText(run));
  const confined = run.sandbox === 'none' ? ', NOT CONFINED' : '';
  print(
    terminal,
    `${colors.bold(`Run ${runName(run)}`)} ${outcome} ${took} ${duration(run.phases.runMs)}${confined}`,
  );
  printRunBody(terminal, run);
  for (const [name, text, bytes] of [
    ['stdout', run.stdout, run.stdoutBytes],
    ['stderr', run.stderr, run.stderrBytes],
  ] as const) {
    const missing = bytes - Buffer.byteLength(text);
    if (missing > 0)
      print(terminal, oneLine(`  … ${missing.toLocaleString('en-US')} more bytes of ${name} are not kept`));
  }
}

function toJson({ id, dueMs, startedMs, endedMs, worker, outcome, ...run }: RunRecord) {
  const { error, hint, warnings, stdout, stderr, stdoutBytes, stderrBytes } = run;
  return {
    ...{ id, dueMs, startedMs, endedMs, worker, outcome },
    ...{ error, hint, warnings, stdout, stderr, stdoutBytes, stderrBytes },
  };
}
