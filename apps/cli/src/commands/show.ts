import { type ResidentReason, type RunRecord, schedulerId } from '@pythond/jobs';
import {
  Collectors,
  type CollectorView,
  Fleet,
  heldProblem,
  Inputs,
  Residents,
  type ResidentView,
  type Rollout,
} from '@pythond/registry';
import { type Context, type HomeFlags, settingsOf } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit.ts';
import { withFleet } from '../fleet-connection.ts';
import { filePauseText, pauseText } from '../paused-text.ts';
import { indent, oneLine } from '../printable.ts';
import { ago, duration, print, printJson, type Terminal, table } from '../terminal.ts';
import { findCollector } from './find-collector.ts';
import { toJson } from './ls.ts';

export interface ShowFlags extends HomeFlags {
  readonly json?: boolean;
  /** How many of the newest runs. */
  readonly runs: number;
}

/** `pythond show COLLECTOR`: one collector, its newest runs, and the last one in full. */
export async function show(context: Context, wanted: string, flags: ShowFlags): Promise<ExitCode> {
  const settings = await settingsOf(context, { ...(flags.home ? { home: flags.home } : {}) });
  return withFleet(settings, async (redis) => {
    const collectors = new Collectors(redis);
    const view = await findCollector(collectors, wanted);
    const { id, input, inputNumber, host } = view.record;
    const inputs = new Inputs(redis);
    const [runs, record, rollout, workers, resident] = await Promise.all([
      collectors.runs(id, flags.runs),
      inputs.get(input, inputNumber),
      inputs.rollout(input),
      new Fleet(redis).workers(),
      view.record.resident ? new Residents(redis).view(input, inputNumber, host) : null,
    ]);
    const isServed = workers.some(({ pools }) => pools.includes(view.record.pool));
    const held = rollout?.versions.find(({ state }) => state === 'held') ?? null;
    if (flags.json) {
      const { bundle = null, cmd = null } = record ?? {};
      printJson(context.terminal, {
        ...toJson(view, rollout?.file ?? null),
        scheduler: schedulerId(id),
        inputNumber,
        bundle,
        cmd,
        poolServed: isServed,
        heldBack: held && { number: held.number, ...held.held },
        runs,
        residentProcess: resident && withoutPlan(resident),
      });
      return exitCodes.ok;
    }
    printView(context.terminal, view, record?.bundle ?? null, record?.cmd ?? null, rollout?.file ?? null);
    if (!isServed) printUnserved(context.terminal, view.record.pool);
    if (rollout) printHeld(context.terminal, rollout);
    if (view.record.resident) printResident(context.terminal, view.record.resident, resident);
    const shown = view.running ? [view.running, ...runs] : runs;
    printRuns(context.terminal, shown);
    const [last] = shown;
    if (last) printRun(context.terminal, last);
    return exitCodes.ok;
  });
}

function printView(
  terminal: Terminal,
  { record, counts, pauses, awaySinceMs }: CollectorView,
  bundle: string | null,
  cmd: string | null,
  file: string | null,
): void {
  const { colors } = terminal;
  print(terminal, colors.bold(oneLine(record.id)));
  const line = (label: string, value: string) => print(terminal, `  ${label.padEnd(10)} ${value}`);
  line(
    'every',
    `${duration(record.everyMs)}, ${record.resident ? 'no time-out' : `time-out ${duration(record.timeoutMs)}`}`,
  );
  line(
    'input',
    `${oneLine(record.input)}, version ${record.inputNumber}${cmd ? `, run by ${oneLine(cmd)}` : ''}`,
  );
  if (awaySinceMs !== null)
    line('host', `${record.host} has had no worker since ${ago(awaySinceMs, Date.now())}: nothing is due`);
  if (bundle) line('bundle', bundle.slice(0, 16));
  const ticks = ['due', 'run', 'skipped', 'missed', 'lost'].map((name) => `${counts[name] ?? 0} ${name}`);
  const whilePaused = counts['skipped:paused'] ? ` (${counts['skipped:paused']} skipped while paused)` : '';
  line('ticks', ticks.join(' · ') + whilePaused);
  for (const one of pauses) line('paused', pauseText(one));
  if (record.paused) line('paused', filePauseText(`input ${record.input}`, file));
  print(terminal);
}

function printUnserved(terminal: Terminal, pool: string): void {
  const text = `no worker serves its pool, ${oneLine(pool)}: it does not run`;
  print(terminal, `${terminal.colors.yellow('!')} ${text}\n`);
}

/** A newer version of its input that does not take over. */
function printHeld(terminal: Terminal, rollout: Rollout): void {
  const problem = heldProblem(rollout);
  if (problem) print(terminal, `${terminal.colors.red('✗')} ${oneLine(problem.text)}\n`);
}

function withoutPlan({ plan: _, ...rest }: ResidentView) {
  return rest;
}

/** Why it is one, who holds it, and how often it had to be started again. */
function printResident(terminal: Terminal, reason: ResidentReason, view: ResidentView | null): void {
  const line = (label: string, value: string) => print(terminal, `  ${label.padEnd(10)} ${value}`);
  const now = Date.now();
  const where = view?.worker
    ? `on ${oneLine(view.worker)}, taken up ${ago(view.sinceMs, now)}`
    : 'held by no worker';
  line('resident', `${oneLine(reason.message)}; ${where}`);
  if (view?.lastCrash) {
    const { cause, atMs } = view.lastCrash;
    line('crashes', `${view.crashes}, the last ${ago(atMs, now)}: ${oneLine(cause)}`);
  }
  print(terminal);
}

function printRuns(terminal: Terminal, runs: readonly RunRecord[]): void {
  if (runs.length === 0) {
    print(terminal, '  No run has ended yet.');
    return;
  }
  const right = 'right' as const;
  const columns = [
    { title: '  ENDED', align: right },
    { title: 'OUTCOME', shrinks: true },
    { title: 'TOOK', align: right },
    { title: 'LAG', align: right },
    { title: 'POINTS', align: right },
    { title: 'SENT', align: right },
    { title: 'WAIT', align: right },
    { title: 'DEAD', align: right },
  ];
  print(
    terminal,
    table(
      terminal,
      columns,
      runs.map((run) => runRow(terminal, run)),
    ),
  );
}

function runRow({ colors }: Terminal, run: RunRecord): string[] {
  const outcome = outcomeText(run);
  const { reported, delivered, queued, dead } = run.points;
  return [
    run.outcome.kind === 'running' ? '' : ago(run.endedMs, Date.now()),
    run.outcome.kind === 'succeeded' || run.outcome.kind === 'running'
      ? colors.green(outcome)
      : colors.red(outcome),
    duration(run.phases.runMs),
    duration(run.phases.lagMs),
    ...[reported, delivered, queued, dead].map(String),
  ];
}

export function outcomeText({ outcome }: Pick<RunRecord, 'outcome'>): string {
  return 'reason' in outcome ? `${outcome.kind} (${outcome.reason})` : outcome.kind;
}

/** One run in full: what happened, what it was warned of, its traceback, what it printed. */
export function printRun(terminal: Terminal, run: RunRecord): void {
  print(terminal);
  const confined = run.sandbox === 'none' ? ', NOT CONFINED' : '';
  print(
    terminal,
    terminal.colors.bold(`Run ${new Date(run.dueMs).toISOString()} on ${oneLine(run.worker)}${confined}`),
  );
  printRunBody(terminal, run);
}

/** What it was warned of, its traceback, what it printed. */
export function printRunBody(
  terminal: Terminal,
  run: Pick<RunRecord, 'hint' | 'warnings' | 'error' | 'stdout' | 'stderr'>,
): void {
  if (run.hint) print(terminal, `  ${oneLine(run.hint)}`);
  for (const { code, message, count = 1 } of run.warnings) {
    print(
      terminal,
      `  ${terminal.colors.yellow('!')} ${oneLine(message)} (${code}${count > 1 ? `, ${count} times` : ''})`,
    );
  }
  if (run.error?.traceback) print(terminal, indent(run.error.traceback));
  for (const [name, text] of [
    ['stdout', run.stdout],
    ['stderr', run.stderr],
  ] as const) {
    if (text) print(terminal, `  ${terminal.colors.dim(name)}\n${indent(text)}`);
  }
}
