import { type CollectorRecord, placeOf } from '@pythond/jobs';
import { type Pause, pausesOf } from '@pythond/registry';
import type { SchedulerEvent } from './events.ts';

/** What is told of a collector when it was found. */
export function foundEvent(
  record: CollectorRecord,
  isNew: boolean,
  pauses: readonly Pause[],
): SchedulerEvent {
  const { id, everyMs, timeoutMs, resident } = record;
  const paused = isPaused(record, pauses);
  const isResident = Boolean(resident);
  const place = placeOf(record);
  return { kind: 'collector-found', id, place, everyMs, timeoutMs, paused, isNew, isResident };
}

/** Whether its block or an operator has paused it. */
export function isPaused(record: CollectorRecord, pauses: readonly Pause[]): boolean {
  return record.paused || pausesOf(record, pauses).length > 0;
}
