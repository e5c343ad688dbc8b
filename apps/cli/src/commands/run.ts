import { randomBytes } from 'node:crypto';
import {
  type CollectorId,
  type CollectorRecord,
  placeOf,
  type RunRecord,
  schedulerId,
  tickId,
} from '@pythond/jobs';
import { pause } from '@pythond/lifecycle';
import { type Redis, TickQueue } from '@pythond/queue';
import { Collectors, Fleet, Inputs, Leases } from '@pythond/registry';
import { type Context, type HomeFlags, settingsOf } from '../context.ts';
import { CommandError, type ExitCode, exitCodes } from '../exit.ts';
import { withFleet } from '../fleet-connection.ts';
import { oneLine } from '../printable.ts';
import { duration, print, printJson } from '../terminal.ts';
import { findCollector } from './find-collector.ts';
import { tellProgress } from './run-progress.ts';
import { outcomeText, printRun } from './show.ts';

export interface RunFlags extends HomeFlags {
  readonly json?: boolean;
  /** false: ask for the run and end. */
  readonly wait?: boolean;
}

/** A run that was asked for: its collector, and the id of its job. */
interface Asked {
  readonly record: CollectorRecord;
  readonly id: string;
}

/** A run that ended, or why there is none. */
type Answer =
  | { readonly kind: 'ran'; readonly run: RunRecord }
  | { readonly kind: 'not-run'; readonly collector: CollectorId; readonly reason: string };

const POLL_MS = 100;
/** Many are looked at less often, so that they cost Redis no more. */
const POLL_EACH_MS = 5;
/** Another worker has it, on which its `cmd` starts. */
const HANDED_OVER = 'handed-over';

/**
 * `pythond run COLLECTOR|INPUT`: a run now, on a worker of the fleet, outside its grid, of a collector or of all of an
 * input; waits for the end and shows it. What is paused runs, too.
 */
export async function run(context: Context, wanted: string, flags: RunFlags): Promise<ExitCode> {
  const settings = await settingsOf(context, { ...(flags.home ? { home: flags.home } : {}) });
  return withFleet(settings, async (redis) => {
    const { records, ofInput } = await find(redis, wanted);
    await requireWorker(redis, records);
    const residents = records.filter(({ resident }) => resident);
    const [first] = residents;
    if (first && !ofInput) throw new CommandError(whyNot(first.id, 'resident'), exitCodes.failed);
    const queues = queuesOf(records, redis);
    try {
      const asked = await ask(
        records.filter(({ resident }) => !resident),
        queues,
      );
      const notRun = residents.map(({ id }) => notRunOf(id, 'resident'));
      if (flags.wait === false) return tellAsked(context, flags, asked, notRun);
      const ran = await answers(context, redis, asked, queues, flags.json !== true);
      return tell(context, flags, [...ran, ...notRun], ofInput);
    } finally {
      for (const queue of queues.values()) await queue.close();
    }
  });
}

async function find(
  redis: Redis,
  wanted: string,
): Promise<{ readonly records: readonly CollectorRecord[]; readonly ofInput: boolean }> {
  const collectors = new Collectors(redis);
  if (!(await new Inputs(redis).names()).includes(wanted)) {
    return { records: [(await findCollector(collectors, wanted)).record], ofInput: false };
  }
  const views = (await collectors.list()).filter(({ record }) => record.input === wanted);
  const there = views.filter(({ awaySinceMs }) => awaySinceMs === null);
  const records = (there.length > 0 ? there : views).map(({ record }) => record);
  if (records.length === 0) {
    throw new CommandError(
      `Input ${oneLine(wanted)} has no collectors yet; \`pythond ls\` tells what is wrong.`,
    );
  }
  return { records, ofInput: true };
}

async function requireWorker(redis: Redis, records: readonly CollectorRecord[]): Promise<void> {
  const workers = await new Fleet(redis).workers();
  const unserved = records.find(
    ({ pool, host }) =>
      !workers.some((worker) => worker.pools.includes(pool) && (host ?? worker.host) === worker.host),
  );
  if (unserved) {
    const { pool, host, id } = unserved;
    const where = host === undefined ? `pool ${pool}` : `pool ${pool} on host ${host}`;
    throw new CommandError(`No worker serves ${where}, so nothing can run ${oneLine(id)} now.`);
  }
}

function queuesOf(records: readonly CollectorRecord[], redis: Redis): ReadonlyMap<string, TickQueue> {
  const places = new Set(records.map(placeOf));
  return new Map([...places].map((place) => [place, new TickQueue(place, redis)]));
}

async function ask(
  records: readonly CollectorRecord[],
  queues: ReadonlyMap<string, TickQueue>,
): Promise<Asked[]> {
  return Promise.all(
    records.map(async (record) => {
      const id = tickId('manual', schedulerId(record.id), Date.now(), randomBytes(4).toString('hex'));
      await queues.get(placeOf(record))?.runOnce(id, record.id);
      return { record, id };
    }),
  );
}

async function answers(
  context: Context,
  redis: Redis,
  asked: readonly Asked[],
  queues: ReadonlyMap<string, TickQueue>,
  telling: boolean,
): Promise<Answer[]> {
  const waiting = new Map(asked.map(({ id, record }) => [id, record.id]));
  const over = new AbortController();
  const progress = telling
    ? tellProgress(context, new Leases(redis), waiting, AbortSignal.any([over.signal, context.signal]))
    : null;
  const collectors = new Collectors(redis);
  const pollMs = Math.max(POLL_MS, POLL_EACH_MS * asked.length);
  try {
    return await Promise.all(
      asked.map(async (one) => {
        const queue = queues.get(placeOf(one.record));
        if (!queue) throw new Error(`there is no queue of ${placeOf(one.record)}`);
        const answer = await answerTo(one, queue, collectors, pollMs, context.signal);
        waiting.delete(one.id);
        return answer;
      }),
    );
  } finally {
    over.abort();
    await progress;
  }
}

async function answerTo(
  { record: { id: collector }, id }: Asked,
  queue: TickQueue,
  collectors: Collectors,
  pollMs: number,
  signal: AbortSignal,
): Promise<Answer> {
  while (!signal.aborted) {
    const answer = await queue.answer(id);
    const ended = (await collectors.runs(collector, 20)).find((one) => one.id === id);
    if (ended) return { kind: 'ran', run: ended };
    if (answer !== null && answer !== HANDED_OVER) return notRunOf(collector, answer);
    await pause(pollMs, signal);
  }
  throw new CommandError('interrupted; what was asked for goes on', exitCodes.interrupted);
}

function notRunOf(collector: CollectorId, answer: string): Answer {
  return { kind: 'not-run', collector, reason: whyNot(collector, answer) };
}

function whyNot(collector: CollectorId, answer: string): string {
  const id = oneLine(collector);
  if (answer === 'overlap') {
    return `${id} is running already; runs of one collector never overlap. Try again when that one has ended.`;
  }
  if (answer === 'resident') {
    return `${id} is a resident: its process calls run() by itself, every interval. \`pythond show\` tells what it does.`;
  }
  return `${id} was not run: ${answer}`;
}

function tellAsked(
  { terminal }: Context,
  flags: RunFlags,
  asked: readonly Asked[],
  notRun: readonly Answer[],
): ExitCode {
  if (flags.json) {
    printJson(terminal, {
      asked: asked.map(({ record, id }) => ({ collector: record.id, run: id })),
      notRun: notRun.flatMap(notRunJson),
    });
  } else {
    for (const { record } of asked) {
      print(terminal, `${oneLine(record.id)} runs next; \`pythond show\` tells how it went.`);
    }
    tellNotRun(terminal.err, notRun);
  }
  return notRun.length > 0 ? exitCodes.failed : exitCodes.ok;
}

/** One collector: its run, as ever; an input: a list. */
function tell(context: Context, flags: RunFlags, all: readonly Answer[], ofInput: boolean): ExitCode {
  const runs = all.flatMap((one) => (one.kind === 'ran' ? [one.run] : []));
  const notRun = all.filter(({ kind }) => kind === 'not-run');
  const [only] = runs;
  if (!ofInput && !only) {
    tellNotRun(context.terminal.err, notRun);
    return exitCodes.failed;
  }
  if (flags.json) {
    printJson(context.terminal, ofInput ? { runs, notRun: notRun.flatMap(notRunJson) } : only);
  } else {
    for (const one of runs) printEnd(context, one);
    tellNotRun(context.terminal.err, notRun);
  }
  const isWell = notRun.length === 0 && runs.every(({ outcome }) => outcome.kind === 'succeeded');
  return isWell ? exitCodes.ok : exitCodes.failed;
}

function notRunJson(answer: Answer) {
  return answer.kind === 'not-run' ? [{ collector: answer.collector, reason: answer.reason }] : [];
}

function tellNotRun(err: Context['terminal']['err'], answers: readonly Answer[]): void {
  for (const { reason } of answers.flatMap(notRunJson)) err.write(`${reason}\n`);
}

function printEnd({ terminal }: Context, record: RunRecord): void {
  const { reported, delivered, queued, dead } = record.points;
  const { colors } = terminal;
  const mark = record.outcome.kind === 'succeeded' ? colors.green('✓') : colors.red('✗');
  const where = `${delivered} accepted, ${queued} waiting, ${dead} dead`;
  print(
    terminal,
    `${mark} ${oneLine(record.collector)}: ${outcomeText(record)} in ${duration(record.phases.runMs)}`,
  );
  print(terminal, `  ${reported} ${reported === 1 ? 'point' : 'points'}: ${where}`);
  printRun(terminal, record);
}
