import { type Context, type HomeFlags, settingsOf } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit.ts';
import { withFleet } from '../fleet-connection.ts';
import { pauseJson, pauseText } from '../paused-text.ts';
import { oneLine } from '../printable.ts';
import { count, type Failing, type FleetStatus, readStatus } from '../status/fleet-status.ts';
import { ago, duration, print, printJson, type Terminal, wrap } from '../terminal.ts';

export interface StatusFlags extends HomeFlags {
  readonly json?: boolean;
}

/** `pythond status`: whether the fleet is healthy, and if not, where to look. */
export async function status(context: Context, flags: StatusFlags): Promise<ExitCode> {
  const settings = await settingsOf(context, { ...(flags.home ? { home: flags.home } : {}) });
  return withFleet(settings, async (redis) => {
    const found = await readStatus(redis, Date.now());
    if (flags.json) printJson(context.terminal, toJson(found));
    else printStatus(context.terminal, found);
    return found.reasons.length === 0 ? exitCodes.ok : exitCodes.failed;
  });
}

function toJson(found: FleetStatus) {
  const { reasons, workers, unserved, failing, lags, collect, deliver, outbox, pauses } = found;
  const sum = (of: (worker: (typeof workers)[number]) => number) =>
    workers.reduce((total, worker) => total + of(worker), 0);
  return {
    ...{ healthy: reasons.length === 0, reasons },
    workers: {
      count: workers.length,
      running: sum(({ running }) => running),
      concurrency: sum(({ concurrency }) => concurrency),
      residents: sum(({ residents }) => residents ?? 0),
      unservedPools: unserved,
    },
    ticks: {
      collectors: found.collectors,
      perSecond: found.ticksPerSecond,
      unaccounted: found.unaccounted,
      lags: lags.map(({ pool, lag }) => ({ pool, p99Ms: p99(lag), maxMs: lag.max })),
    },
    failing: failing.map(({ view, run }) => ({
      ...{ id: view.record.id, outcome: view.lastOutcome, endedMs: view.lastEndedMs, run: run?.id ?? null },
      ...{ hint: run?.hint ?? null, error: run?.error ?? null },
    })),
    broken: found.broken,
    queues: { collect, deliver },
    outbox: { ...outbox, waitingSinceMs: found.waitingSinceMs },
    deadLetters: found.letters,
    problems: found.problems,
    heldBack: found.held,
    pauses: pauses.map(pauseJson),
    pausedCollectors: found.pausedCollectors,
    awayCollectors: found.awayCollectors,
  };
}

function p99(lag: FleetStatus['lags'][number]['lag']): number {
  return Math.min(lag.quantile(0.99), lag.max);
}

/** Each group tells so many; the command beside it tells all. */
const MOST = 8;

function printStatus(terminal: Terminal, found: FleetStatus): void {
  const { colors, columns } = terminal;
  const { reasons } = found;
  const verdict = reasons.length === 0 ? '✔ HEALTHY' : `✘ NOT HEALTHY: ${oneLine(reasons.join(', '))}`;
  const paint = reasons.length === 0 ? colors.green : colors.red;
  for (const line of wrap(verdict, columns)) print(terminal, paint(colors.bold(line)));
  print(terminal);
  for (const [label, text, command, isOdd] of lines(found)) {
    const tail = command ? `  ${command}` : '';
    const plain = cutEnd(`  ${label.padEnd(9)} ${oneLine(text)}`, columns - tail.length);
    const shown = isOdd ? colors.yellow(plain) : plain;
    print(
      terminal,
      `${shown}${' '.repeat(Math.max(0, columns - [...plain].length - tail.length))}${colors.dim(tail)}`.trimEnd(),
    );
  }
  const { failing, broken, held, problems, pauses } = found;
  list(terminal, 'Failing', 'pythond logs COLLECTOR', failing.map(failingText), colors.red('✘'));
  const texts = broken.map(
    ({ input, module, message }) => `${module ? `${input}: module ${module}` : `input ${input}`}: ${message}`,
  );
  list(terminal, 'Not to be run', 'pythond ls', texts, colors.red('✘'));
  list(
    terminal,
    'Held back',
    'pythond rollout ls',
    held.map(({ text }) => text),
    colors.red('✘'),
  );
  const told = [...problems].sort((a, b) => (a.level === b.level ? 0 : a.level === 'error' ? -1 : 1));
  list(
    terminal,
    'Problems',
    'pythond doctor',
    told.map(({ text }) => text),
    colors.yellow('!'),
  );
  list(terminal, 'Paused', 'pythond resume NAME', pauses.map(pauseText), colors.yellow('‖'));
}

type Line = readonly [label: string, text: string, command: string | null, isOdd?: boolean];

function lines(found: FleetStatus): Line[] {
  const { workers, collect, outbox, waitingSinceMs, letters, lags, pausedCollectors, awayCollectors } = found;
  const sum = (of: (worker: (typeof workers)[number]) => number) =>
    workers.reduce((total, worker) => total + of(worker), 0);
  const busy = `${sum(({ running }) => running)} of ${count(
    sum(({ concurrency }) => concurrency),
    'run',
  )} going on`;
  const residents = sum(({ residents = 0 }) => residents);
  const held = residents > 0 ? `, ${count(residents, 'resident')}` : '';
  const worst = lags.map(({ lag }) => p99(lag)).filter((lag) => !Number.isNaN(lag));
  const lag = worst.length > 0 ? `, lag p99 ${duration(Math.max(...worst))}` : '';
  const paused = pausedCollectors > 0 ? `, ${pausedCollectors} paused` : '';
  const away = awayCollectors > 0 ? `, ${awayCollectors} on hosts that are away` : '';
  const waiting = collect.reduce((total, one) => total + one.waiting, 0);
  const full = collect
    .filter((one) => one.waiting > 0)
    .map(({ pool, waiting: ticks }) => `${ticks} in ${pool}`);
  const since =
    waitingSinceMs === null ? '' : `, the oldest for ${duration(Math.max(0, Date.now() - waitingSinceMs))}`;
  return [
    [
      'workers',
      workers.length === 0 ? 'none' : `${workers.length}, ${busy}${held}`,
      'pythond workers',
      workers.length === 0,
    ],
    [
      'ticks',
      `${perSecond(found.ticksPerSecond)}, of ${count(found.collectors, 'collector')}${paused}${away}${lag}`,
      'pythond ticks',
    ],
    [
      'waiting',
      waiting === 0 ? 'no tick waits for a worker' : `ticks: ${full.join(', ')}`,
      null,
      waiting > 0,
    ],
    [
      'outbox',
      outbox.deliveries === 0
        ? 'no point waits for DataKit'
        : `${count(outbox.points, 'point')} wait in ${outbox.deliveries} deliveries${since}`,
      'pythond ledger',
      outbox.deliveries > 0,
    ],
    [
      'dead',
      letters === 0 ? 'no dead letter' : count(letters, 'dead letter'),
      'pythond dead ls',
      letters > 0,
    ],
  ];
}

function perSecond(rate: number): string {
  if (rate >= 1) return `${rate.toFixed(1)} a second`;
  return rate * 60 >= 1 ? `${(rate * 60).toFixed(1)} a minute` : `${(rate * 3_600).toFixed(1)} an hour`;
}

function failingText({ view, run }: Failing): string {
  const why = run?.error ? `${run.error.type}: ${run.error.message}` : (run?.hint ?? view.lastOutcome ?? '');
  return `${view.record.id} ${view.lastOutcome} ${ago(view.lastEndedMs, Date.now())}: ${why}`;
}

/** One line for each, cut to the terminal. */
function list(
  terminal: Terminal,
  title: string,
  command: string,
  texts: readonly string[],
  mark: string,
): void {
  if (texts.length === 0) return;
  const { colors, columns } = terminal;
  const head = `${title} (${texts.length})`;
  const gap = ' '.repeat(Math.max(2, columns - head.length - command.length));
  print(terminal, `\n${colors.bold(head)}${gap}${colors.dim(command)}`);
  for (const text of texts.slice(0, MOST)) print(terminal, `  ${mark} ${cutEnd(oneLine(text), columns - 4)}`);
  if (texts.length > MOST) print(terminal, `  … and ${texts.length - MOST} more`);
}

function cutEnd(text: string, width: number): string {
  const chars = [...text];
  return chars.length <= width ? text : `${chars.slice(0, width - 1).join('')}…`;
}
