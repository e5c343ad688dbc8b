import { type InputRecord, inputRecordSchema } from '@pythond/jobs';
import { JobQueue, queueNames, type Redis } from '@pythond/queue';
import { Inputs, type InputVersion, type Rollout, type VersionState } from '@pythond/registry';
import { discoverAgain } from '@pythond/scheduler';
import { type Context, type HomeFlags, settingsOf } from '../context.ts';
import { CommandError, type ExitCode, exitCodes } from '../exit.ts';
import { withFleet } from '../fleet-connection.ts';
import { oneLine } from '../printable.ts';
import { ago, print, printJson, type Terminal, table } from '../terminal.ts';

export interface RolloutFlags extends HomeFlags {
  readonly json?: boolean;
  /** Every version that is kept, not only the one in force and the newest. */
  readonly all?: boolean;
}

const STATES: Readonly<Record<VersionState, string>> = {
  pending: 'waits for a worker',
  'in-force': 'in force',
  held: 'held back',
  replaced: 'replaced',
  superseded: 'never ran',
};

/** `pythond rollout ls [INPUT]`: which version of each input runs, and what became of the others. */
export async function rolloutLs(
  context: Context,
  input: string | undefined,
  flags: RolloutFlags,
): Promise<ExitCode> {
  const settings = await settingsOf(context, { ...(flags.home ? { home: flags.home } : {}) });
  return withFleet(settings, async (redis) => {
    const inputs = new Inputs(redis);
    const found = input === undefined ? await inputs.rollouts() : [await requireInput(inputs, input)];
    if (flags.json) printJson(context.terminal, { inputs: found.map(toJson) });
    else printRollouts(context.terminal, found, flags.all === true || input !== undefined);
    return exitCodes.ok;
  });
}

/** `pythond rollout rollback INPUT [NUMBER]`: an earlier version again, under a new number, until the files change. */
export async function rolloutRollback(
  context: Context,
  input: string,
  number: number | undefined,
  flags: RolloutFlags,
): Promise<ExitCode> {
  return change(context, flags, input, async (inputs, rollout) => {
    const from = number ?? versionBefore(rollout);
    requireVersion(rollout, from);
    const made = await inputs.repeat(input, from, { cause: 'rollback', forced: false });
    if (made === null) throw new CommandError(`Version ${from} of ${input} is not kept any more.`);
    return { number: made, from };
  });
}

/** `pythond rollout promote INPUT [NUMBER]`: a version that is held back, as it is. */
export async function rolloutPromote(
  context: Context,
  input: string,
  number: number | undefined,
  flags: RolloutFlags,
): Promise<ExitCode> {
  return change(context, flags, input, async (inputs, rollout) => {
    const wanted = number ?? heldVersion(rollout);
    const version = requireVersion(rollout, wanted);
    if (version.state === 'in-force') throw new CommandError(`Version ${wanted} of ${input} is in force.`);
    if (wanted !== rollout.versions[0]?.number) {
      const made = await inputs.repeat(input, wanted, { cause: 'promote', forced: true });
      if (made === null) throw new CommandError(`Version ${wanted} of ${input} is not kept any more.`);
      return { number: made, from: wanted };
    }
    await inputs.force(input, wanted);
    return { number: wanted, from: null };
  });
}

interface Change {
  readonly number: number;
  readonly from: number | null;
}

async function change(
  context: Context,
  flags: RolloutFlags,
  input: string,
  make: (inputs: Inputs, rollout: Rollout) => Promise<Change>,
): Promise<ExitCode> {
  const settings = await settingsOf(context, { ...(flags.home ? { home: flags.home } : {}) });
  return withFleet(settings, async (redis) => {
    const inputs = new Inputs(redis);
    const made = await make(inputs, await requireInput(inputs, input));
    const record = await inputs.get(input, made.number);
    if (record) await discover(redis, inputRecordSchema.parse(record));
    const ended = await outcome(inputs, input, made.number, context.signal);
    if (flags.json) printJson(context.terminal, { input, ...made, ...shownOutcome(ended) });
    else printOutcome(context.terminal, input, made, ended);
    return ended?.state === 'in-force' ? exitCodes.ok : exitCodes.failed;
  });
}

async function discover(redis: Redis, { key, number, pool }: InputRecord): Promise<void> {
  const queues: JobQueue<{ input: string; number: number }>[] = [];
  try {
    const open = (name: string) => {
      const queue = new JobQueue<{ input: string; number: number }>(queueNames.discover(name), redis);
      queues.push(queue);
      return queue;
    };
    await discoverAgain({ key, number, pool }, open, Date.now());
  } finally {
    for (const queue of queues) await queue.close();
  }
}

const WAIT_MS = 60_000;
const POLL_MS = 100;

/** What became of a version that a worker imports and a scheduler takes over; as it is after a minute. */
async function outcome(
  inputs: Inputs,
  input: string,
  number: number,
  signal: AbortSignal,
): Promise<InputVersion | null> {
  const endMs = performance.now() + WAIT_MS;
  for (;;) {
    const rollout = await inputs.rollout(input);
    const version = rollout?.versions.find((one) => one.number === number) ?? null;
    const settled = version === null || (version.state !== 'pending' && !version.forced) || isIn(version);
    if (settled || signal.aborted || performance.now() > endMs) return version;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

function isIn({ state }: InputVersion): boolean {
  return state === 'in-force' || state === 'replaced';
}

async function requireInput(inputs: Inputs, input: string): Promise<Rollout> {
  const rollout = await inputs.rollout(input);
  if (rollout) return rollout;
  const names = await inputs.names();
  const known = names.length === 0 ? 'there are none' : `there are ${names.slice(0, 20).join(', ')}`;
  throw new CommandError(`No input is called ${input}; ${known}.`);
}

function requireVersion({ input, versions }: Rollout, number: number): InputVersion {
  const version = versions.find((one) => one.number === number);
  if (version) return version;
  const kept = versions.map((one) => one.number).join(', ');
  throw new CommandError(`Version ${number} of ${input} is not kept; kept are ${kept}.`);
}

/** The newest that was in force before and says something else than what is in force now. */
function versionBefore({ input, inForce, versions }: Rollout): number {
  const now = versions.find(({ number }) => number === inForce)?.fingerprint;
  const before = versions.find(({ state, fingerprint }) => state === 'replaced' && fingerprint !== now);
  if (before) return before.number;
  throw new CommandError(`${input} has no other version that was in force and is kept.`);
}

function heldVersion({ input, versions }: Rollout): number {
  const held = versions.find(({ state }) => state === 'held');
  if (held) return held.number;
  throw new CommandError(`No version of ${input} is held back; \`pythond rollout ls ${input}\` lists them.`);
}

function toJson({ input, file, inForce, versions }: Rollout) {
  const [newest] = versions;
  return {
    ...{ input, file, inForce, newest: newest?.number ?? null, state: newest?.state ?? null },
    versions: versions.map(({ forced: _, fingerprint: __, ...version }) => version),
  };
}

function shownOutcome(version: InputVersion | null) {
  return { state: version?.state ?? null, reasons: version?.held?.reasons ?? [] };
}

function printRollouts(terminal: Terminal, rollouts: readonly Rollout[], all: boolean): void {
  if (rollouts.length === 0) {
    print(
      terminal,
      'No inputs yet. `pythond ls` shows what is wrong with the configuration, if anything is.',
    );
    return;
  }
  const shown = rollouts.flatMap((rollout) =>
    rollout.versions
      .filter(({ state }, index) => all || index === 0 || state === 'in-force')
      .map((version) => ({ input: rollout.input, version })),
  );
  const columns = [
    { title: 'INPUT', shrinks: true },
    { title: 'VERSION', align: 'right' as const },
    { title: 'STATE' },
    { title: 'MADE', align: 'right' as const },
    { title: 'FROM', shrinks: true },
    { title: 'BUNDLE' },
  ];
  const rows = shown.map(({ input, version }) => row(terminal, input, version));
  print(terminal, table(terminal, columns, rows));
  for (const { input, version } of shown) printReasons(terminal, input, version);
}

function row({ colors }: Terminal, input: string, version: InputVersion): string[] {
  const state = STATES[version.state];
  const colour = { held: colors.red, 'in-force': colors.green, pending: colors.yellow } as const;
  const paint = version.state in colour ? colour[version.state as keyof typeof colour] : String;
  return [
    oneLine(input),
    String(version.number),
    paint(state),
    ago(version.madeMs, Date.now()),
    oneLine(cameFrom(version)),
    version.bundle.slice(0, 12),
  ];
}

function cameFrom({ cause, from, commit }: InputVersion): string {
  if (cause === 'files') return commit ?? 'files';
  return `${cause} of ${from}`;
}

function printReasons(terminal: Terminal, input: string, { number, state, held }: InputVersion): void {
  if (state !== 'held' || !held) return;
  for (const { module, type, message } of held.reasons) {
    const where = module === null ? type : `module ${module}: ${type}`;
    print(
      terminal,
      `${terminal.colors.red('✗')} ${oneLine(`${input}, version ${number}: ${where}: ${message}`)}`,
    );
  }
}

function printOutcome(
  terminal: Terminal,
  input: string,
  { number, from }: Change,
  version: InputVersion | null,
): void {
  const repeats = from === null ? '' : `, which repeats version ${from},`;
  const what = `${oneLine(input)}: version ${number}${repeats}`;
  switch (version?.state) {
    case 'in-force':
      return print(
        terminal,
        `${what} is in force from each collector's next tick on, until the files change.`,
      );
    case 'held':
      print(terminal, `${what} is held back; the version in force goes on.`);
      return printReasons(terminal, input, version);
    case 'pending':
      return print(terminal, `${what} waits: for a worker of pool ${version.pool}, or for a scheduler.`);
    default:
      return print(terminal, `${what} was overtaken by a newer one.`);
  }
}
