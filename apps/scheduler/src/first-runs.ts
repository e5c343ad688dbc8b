import { type CollectorRecord, placeOf, schedulerId, tickId } from '@pythond/jobs';
import type { TickQueue } from '@pythond/queue';
import type { Pause } from '@pythond/registry';
import { isPaused } from './found-event.ts';

/** First runs of new collectors over the whole fleet, a second: 10,000 new ones take about a minute and a half. */
const FIRST_RUNS_PER_SECOND = 100;

/** Runs collectors that are new to the fleet once, at once: they join their grid later. */
export async function runFirst(
  added: readonly CollectorRecord[],
  {
    pauses,
    ticks,
    nowMs,
  }: {
    readonly pauses: readonly Pause[];
    readonly ticks: (place: string) => TickQueue;
    readonly nowMs: number;
  },
): Promise<void> {
  const theirs = added.filter((record) => !isPaused(record, pauses) && !record.resident);
  for (const [index, record] of theirs.entries()) {
    const delayMs = Math.floor((index * 1000) / FIRST_RUNS_PER_SECOND);
    const id = tickId('first', schedulerId(record.id), nowMs + delayMs);
    await ticks(placeOf(record)).runOnce(id, record.id, delayMs);
  }
}
