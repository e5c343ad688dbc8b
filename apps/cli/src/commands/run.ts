import { randomBytes } from 'node:crypto';
import { type CollectorId, type RunRecord, schedulerId, tickId } from '@pythond/jobs';
import { pause } from '@pythond/lifecycle';
import { TickQueue } from '@pythond/queue';
import { Collectors, Fleet } from '@pythond/registry';
import { type Context, type HomeFlags, settingsOf } from '../context.ts';
import { CommandError, type ExitCode, exitCodes } from '../exit.ts';
import { withFleet } from '../fleet-connection.ts';
import { oneLine } from '../printable.ts';
import { duration, print, printJson } from '../terminal.ts';
import { findCollector } from './find-collector.ts';
import { outcomeText, printRun } from './show.ts';

export interface RunFlags extends HomeFlags {
  readonly json?: boolean;
}

const POLL_MS = 100;

/** `pythond run COLLECTOR`: a run now, on a worker of the fleet, outside its grid; waits for its end and shows it. */
export async function run(context: Context, wanted: string, flags: RunFlags): Promise<ExitCode> {
  const settings = await settingsOf(context, { ...(flags.home ? { home: flags.home } : {}) });
  return withFleet(settings, async (redis) => {
    const collectors = new Collectors(redis);
    const { record } = await findCollector(collectors, wanted);
    if (record.resident) throw new CommandError(whyNot(record.id, 'resident'), exitCodes.failed);
    const workers = await new Fleet(redis).workers();
    if (!workers.some(({ pools }) => pools.includes(record.pool))) {
      throw new CommandError(`No worker serves pool ${record.pool}, so nothing can run ${record.id} now.`);
    }
    const id = tickId('manual', schedulerId(record.id), Date.now(), randomBytes(4).toString('hex'));
    const queue = new TickQueue(record.pool, redis);
    try {
      await queue.runOnce(id, record.id);
      const done = await ended(queue, collectors, record.id, id, context.signal);
      if (flags.json) printJson(context.terminal, done);
      else printEnd(context, done);
      return done.outcome.kind === 'succeeded' ? exitCodes.ok : exitCodes.failed;
    } finally {
      await queue.close();
    }
  });
}

async function ended(
  queue: TickQueue,
  collectors: Collectors,
  collector: CollectorId,
  id: string,
  signal: AbortSignal,
): Promise<RunRecord> {
  while (!signal.aborted) {
    const answer = await queue.answer(id);
    const record = (await collectors.runs(collector, 20)).find((one) => one.id === id);
    if (record) return record;
    if (answer !== null) throw new CommandError(whyNot(collector, answer), exitCodes.failed);
    await pause(POLL_MS, signal);
  }
  throw new CommandError('interrupted; the run goes on', exitCodes.interrupted);
}

function whyNot(collector: CollectorId, answer: string): string {
  if (answer === 'overlap') {
    return `${collector} is running already; runs of one collector never overlap. Try again when that one has ended.`;
  }
  if (answer === 'resident') {
    return `${collector} is a resident: its process calls run() by itself, every interval. \`pythond show\` tells what it does.`;
  }
  return `${collector} was not run: ${answer}`;
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
