import type { Discovery } from '@pythond/jobs';
import { Collectors, type CollectorView, Fleet, Inputs, type Pause, Pauses } from '@pythond/registry';
import { type Context, type HomeFlags, settingsOf } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit.ts';
import { withFleet } from '../fleet-connection.ts';
import { filePauseText, isPaused, pauseJson, pausesJson, pauseText } from '../paused-text.ts';
import { oneLine } from '../printable.ts';
import { ago, duration, print, printJson, type Terminal, table } from '../terminal.ts';

export interface LsFlags extends HomeFlags {
  readonly json?: boolean;
}

/** `pythond ls`: every collector of the fleet, what could not be imported, what is wrong with the configuration. */
export async function ls(context: Context, flags: LsFlags): Promise<ExitCode> {
  const settings = await settingsOf(context, { ...(flags.home ? { home: flags.home } : {}) });
  return withFleet(settings, async (redis) => {
    const inputs = new Inputs(redis);
    const [views, discoveries, problems, pauses, known] = await Promise.all([
      new Collectors(redis).list(),
      inputs.discoveries(),
      new Fleet(redis).problems(),
      new Pauses(redis).list(),
      inputs.known(),
    ]);
    const files = new Map(known.map(({ key, file }) => [key, file]));
    const failures = discoveries.flatMap(({ input, failures: found, error }) => [
      ...(error ? [inputFailure(input, error)] : []),
      ...found.map(({ module, class: name, type, message, traceback, hint }) => ({
        ...{ input, module, class: name, type, message, traceback, hint },
      })),
    ]);
    if (flags.json) {
      const collectors = views.map((view) => toJson(view, files.get(view.record.input) ?? null));
      printJson(context.terminal, { collectors, failures, problems, pauses: pauses.map(pauseJson) });
      return exitCodes.ok;
    }
    printCollectors(context.terminal, views);
    printPauses(context.terminal, pauses, views, files);
    for (const failure of failures) printFailure(context.terminal, failure);
    for (const { text } of problems)
      print(context.terminal, `${context.terminal.colors.yellow('!')} ${oneLine(text)}`);
    return exitCodes.ok;
  });
}

interface Failure {
  readonly input: string;
  /** null when the input as a whole can't run. */
  readonly module: string | null;
  readonly class: string | null;
  readonly type: string;
  readonly message: string;
  readonly traceback: string;
  readonly hint: string | null;
}

function inputFailure(input: string, { code, message }: NonNullable<Discovery['error']>): Failure {
  return { input, module: null, class: null, type: code, message, traceback: '', hint: null };
}

function printFailure(terminal: Terminal, failure: Failure): void {
  const { input, module, class: name, type, message, hint } = failure;
  const where = module
    ? `${input}: module ${module}${name ? `, class ${name}` : ''}: ${type}`
    : `input ${input}`;
  print(terminal, `${terminal.colors.red('✗')} ${oneLine(`${where}: ${message}`)}`);
  if (hint) print(terminal, `  ${oneLine(hint)}`);
}

export function toJson(view: CollectorView, file: string | null) {
  const { record, counts, lastOutcome, lastEndedMs, lastRunMs, running, awaySinceMs } = view;
  const { id, input, module, name, everyMs, timeoutMs, pool, host = null } = record;
  const paused = isPaused(view);
  return {
    ...{ id, input, module, class: record.class, name, everyMs, timeoutMs, paused, pool, host },
    pauses: pausesJson(view, file),
    ...{ counts, lastOutcome, lastEndedMs, lastRunMs, running, awaySinceMs },
    ...{ isolation: record.isolation ?? 'auto', resident: record.resident ?? null },
  };
}

/** Who paused what, when and why: a line for each, however many collectors it holds. */
function printPauses(
  terminal: Terminal,
  pauses: readonly Pause[],
  views: readonly CollectorView[],
  files: ReadonlyMap<string, string>,
): void {
  const mark = terminal.colors.yellow('‖');
  for (const one of pauses) print(terminal, `${mark} ${pauseText(one)}`);
  const inputs = new Set(views.filter(({ record }) => record.paused).map(({ record }) => record.input));
  for (const input of inputs) {
    print(terminal, `${mark} ${filePauseText(`input ${input}`, files.get(input) ?? null)}`);
  }
}

function printCollectors(terminal: Terminal, views: readonly CollectorView[]): void {
  if (views.length === 0) {
    print(
      terminal,
      'No collectors yet. Is a worker running? `pythond check` runs the collectors of this home at once.',
    );
    return;
  }
  const columns = [
    { title: 'COLLECTOR', shrinks: true },
    { title: 'EVERY', align: 'right' as const },
    { title: 'LAST', shrinks: false },
    { title: 'ENDED', align: 'right' as const },
    { title: 'TOOK', align: 'right' as const },
    { title: 'OK', align: 'right' as const },
    { title: 'BAD', align: 'right' as const },
    { title: 'SKIP', align: 'right' as const },
  ];
  print(
    terminal,
    table(
      terminal,
      columns,
      views.map((view) => row(terminal, view)),
    ),
  );
}

function row({ colors }: Terminal, view: CollectorView): string[] {
  const { record, counts, lastOutcome, lastEndedMs, lastRunMs, running, awaySinceMs } = view;
  const succeeded = counts['succeeded'] ?? 0;
  const bad = (counts['failed'] ?? 0) + (counts['timed-out'] ?? 0) + (counts['killed'] ?? 0);
  const last = isPaused(view) ? 'paused' : running ? 'running' : (lastOutcome ?? 'not yet');
  const isWell = running !== null || lastOutcome === 'succeeded';
  return [
    oneLine(record.id),
    duration(record.everyMs),
    awaySinceMs !== null
      ? colors.dim('host away')
      : `${isWell ? colors.green(last) : lastOutcome ? colors.red(last) : last}${record.resident ? ' (resident)' : ''}`,
    running ? '' : ago(lastEndedMs, Date.now()),
    running ? duration(running.phases.runMs) : lastRunMs === null ? '' : duration(lastRunMs),
    String(succeeded),
    String(bad),
    String((counts['skipped'] ?? 0) + (counts['missed'] ?? 0)),
  ];
}
