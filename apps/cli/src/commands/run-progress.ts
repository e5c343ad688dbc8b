import { type CollectorId, schedulerId } from '@pythond/jobs';
import { pause } from '@pythond/lifecycle';
import type { Leases } from '@pythond/registry';
import type { Context } from '../context.ts';
import { oneLine } from '../printable.ts';
import { duration } from '../terminal.ts';

const LOOK_MS = 1_000;
/** Said again so often while nothing changes. */
const AGAIN_MS = 10_000;

/**
 * Tells, on standard error, what runs that take longer than a second are about, when that changes and every ten seconds.
 *
 * @param waiting the runs that have not ended, by the ids of their jobs; they are taken out as they end
 */
export async function tellProgress(
  { terminal }: Pick<Context, 'terminal'>,
  leases: Pick<Leases, 'holder'>,
  waiting: ReadonlyMap<string, CollectorId>,
  signal: AbortSignal,
): Promise<void> {
  const beganMs = performance.now();
  let said = '';
  let saidMs = 0;
  await pause(LOOK_MS, signal);
  while (!signal.aborted && waiting.size > 0) {
    const text = await progressOf(leases, waiting);
    const now = performance.now();
    if (text !== said || now - saidMs >= AGAIN_MS) {
      if (!signal.aborted) terminal.err.write(`… ${text}, for ${duration(now - beganMs)} by now\n`);
      said = text;
      saidMs = now;
    }
    await pause(LOOK_MS, signal);
  }
}

async function progressOf(
  leases: Pick<Leases, 'holder'>,
  waiting: ReadonlyMap<string, CollectorId>,
): Promise<string> {
  const states = await Promise.all(
    [...waiting].map(async ([job, collector]) => {
      const holder = await leases.holder(schedulerId(collector));
      return { collector, worker: holder?.job === job ? holder.worker : null };
    }),
  );
  const [only] = states;
  if (only && states.length === 1) {
    const id = oneLine(only.collector);
    return only.worker === null ? `${id} waits for a worker` : `${id} runs on ${oneLine(only.worker)}`;
  }
  const running = states.filter(({ worker }) => worker !== null).length;
  return `${running} run, ${states.length - running} wait for a worker`;
}
