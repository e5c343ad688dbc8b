import { type CollectorRecord, schedulerId } from '@pythond/jobs';
import type { StoredSchedule, TickQueue } from '@pythond/queue';

/** A stored schedule that is this far behind has stopped: its chain of jobs broke. */
const STUCK_MARGIN_MS = 5_000;

export interface Corrections {
  readonly upserted: number;
  readonly removed: number;
}

/**
 * Makes the Job Schedulers of one pool those that the registry's collectors want: missing, moved and stuck ones are
 * written, those that nobody wants are removed: residents keep their own time. Paused collectors keep their schedule, since
 * their ticks are counted. Correct ones are left alone, since an upsert replaces a queued job.
 */
export async function correctSchedules(
  queue: TickQueue,
  collectors: readonly CollectorRecord[],
  nowMs: number,
): Promise<Corrections> {
  const stored = await queue.stored();
  const wanted = collectors.filter(({ resident }) => !resident);
  const wrong = wanted.filter((record) => !isRight(record, stored.get(schedulerId(record.id)), nowMs));
  const wantedIds = new Set<string>(wanted.map(({ id }) => schedulerId(id)));
  const unwanted = [...stored.keys()].filter((id) => !wantedIds.has(id));
  await queue.schedule(
    wrong.map(({ id, everyMs, offsetMs }) => ({ collector: id, everyMs, offsetMs })),
    stored,
  );
  await queue.unschedule(unwanted);
  return { upserted: wrong.length, removed: unwanted.length };
}

function isRight(record: CollectorRecord, stored: StoredSchedule | undefined, nowMs: number): boolean {
  if (!stored) return false;
  const samePhase = stored.everyMs === record.everyMs && stored.offsetMs === record.offsetMs;
  const farAhead = stored.nextMs - nowMs > record.everyMs + STUCK_MARGIN_MS;
  return samePhase && !farAhead;
}
