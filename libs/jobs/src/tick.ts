import { createHash } from 'node:crypto';
import type { CollectorId } from './ids.ts';

/** The interval of a class that sets none (or a falsy one), as in DataKit's own framework. */
export const DEFAULT_INTERVAL_MS = 10_000;
/** A shorter interval than this is raised to it: BullMQ hands out ticks in whole milliseconds, and a run costs some. */
export const MIN_INTERVAL_MS = 100;
export const MAX_INTERVAL_MS = 366 * 24 * 3600 * 1000;

const MIN_TIMEOUT_MS = 5 * 60_000;

/** How long a run may take when nobody says: five minutes, or two intervals where that is more. */
export function defaultTimeoutMs(everyMs: number): number {
  return Math.max(MIN_TIMEOUT_MS, 2 * everyMs);
}

/**
 * The phase of a collector within its interval: a stable hash of its id, so that many collectors of one interval
 * spread evenly and stay where they are over restarts. Never 0, which BullMQ takes for "no offset": `align` gives
 * the first millisecond of the interval, counted from 1970.
 */
export function offsetMs(id: CollectorId, everyMs: number, align: boolean): number {
  if (align) return 1;
  const hash = createHash('sha256').update(id).digest().readUIntBE(0, 6);
  return 1 + (hash % (everyMs - 1));
}

/** What a collect job's id tells: which collector, which tick, and why there is a run. */
export interface TickRef {
  readonly scheduler: string;
  readonly dueMs: number;
  readonly kind: 'grid' | 'first' | 'manual';
}

const GRID = /^repeat:([a-z2-7]{52}):(\d{1,16})$/;
const OWN = /^(first|manual)-([a-z2-7]{52})-(\d{1,16})(?:-[a-z0-9]+)?$/;

/** Reads a job id; null when it is not one of a collect job. The form `repeat:<scheduler>:<due>` is BullMQ's. */
export function parseTickId(jobId: string): TickRef | null {
  const grid = GRID.exec(jobId);
  if (grid?.[1] && grid[2]) return { scheduler: grid[1], dueMs: Number(grid[2]), kind: 'grid' };
  const own = OWN.exec(jobId);
  if (own?.[1] && own[2] && own[3]) {
    return { scheduler: own[2], dueMs: Number(own[3]), kind: own[1] === 'first' ? 'first' : 'manual' };
  }
  return null;
}

/** The id of a run outside the grid. `nonce` tells apart two manual runs of one millisecond. */
export function tickId(kind: 'first' | 'manual', scheduler: string, dueMs: number, nonce?: string): string {
  return `${kind}-${scheduler}-${dueMs}${nonce ? `-${nonce}` : ''}`;
}
