import { type CollectorRecord, schedulerId } from '@pythond/jobs';
import type { StoredSchedule, TickQueue } from '@pythond/queue';

/** A stored schedule that is further ahead than its interval and this was made by a clock that was fast. */
const FAR_AHEAD_MS = 5_000;

/**
 * What was wrong with a schedule: it was not there, it had another interval or offset, a clock that was fast has sent it
 * far ahead, or its chain of jobs had broken, so that it would never have been due again.
 */
export type ScheduleFault = 'missing' | 'moved' | 'far-ahead' | 'broken';

export interface Corrections {
  /** Schedules written anew, by what was wrong with them. */
  readonly upserted: Readonly<Partial<Record<ScheduleFault, number>>>;
  readonly removed: number;
}

/**
 * Makes the Job Schedulers of one pool those that the registry's collectors want: missing, moved and stuck ones are
 * written, those that nobody wants are removed: residents keep their own time. Paused collectors keep their schedule, since
 * their ticks are counted. Correct ones are left alone, since an upsert replaces a queued job. `nowMs` is Redis's time.
 */
export async function correctSchedules(
  queue: Pick<TickQueue, 'stored' | 'schedule' | 'unschedule'>,
  collectors: readonly CollectorRecord[],
  nowMs: number,
): Promise<Corrections> {
  const stored = await queue.stored();
  const wanted = collectors.filter(({ resident }) => !resident);
  const wrong = wanted.flatMap((record) => {
    const fault = faultOf(record, stored.get(schedulerId(record.id)), nowMs);
    return fault ? [{ record, fault }] : [];
  });
  const wantedIds = new Set<string>(wanted.map(({ id }) => schedulerId(id)));
  const unwanted = [...stored.keys()].filter((id) => !wantedIds.has(id));
  await queue.schedule(
    wrong.map(({ record: { id, everyMs, offsetMs } }) => ({ collector: id, everyMs, offsetMs })),
    stored,
  );
  await queue.unschedule(unwanted);
  return { upserted: countsOf(wrong.map(({ fault }) => fault)), removed: unwanted.length };
}

function faultOf(
  record: CollectorRecord,
  stored: StoredSchedule | undefined,
  nowMs: number,
): ScheduleFault | null {
  if (!stored) return 'missing';
  if (stored.everyMs !== record.everyMs || stored.offsetMs !== record.offsetMs) return 'moved';
  if (stored.nextMs - nowMs > record.everyMs + FAR_AHEAD_MS) return 'far-ahead';
  return stored.goesOn ? null : 'broken';
}

function countsOf(faults: readonly ScheduleFault[]): Corrections['upserted'] {
  const counts: Partial<Record<ScheduleFault, number>> = {};
  for (const fault of faults) counts[fault] = (counts[fault] ?? 0) + 1;
  return counts;
}
