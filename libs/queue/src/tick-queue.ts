import { type CollectorId, schedulerId } from '@pythond/jobs';
import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { PREFIX, queueNames } from './names.ts';

/** When a collector is due: every `everyMs`, at `offsetMs` within it (1 ≤ offset < every), counted from 1970. */
export interface Schedule {
  readonly collector: CollectorId;
  readonly everyMs: number;
  readonly offsetMs: number;
}

/** A Job Scheduler as Redis holds it. */
export interface StoredSchedule {
  readonly scheduler: string;
  readonly everyMs: number;
  readonly offsetMs: number;
  readonly nextMs: number;
}

/** How many upserts are under way at once: with 50 to 500 one Redis takes 13,000 a second. */
const UPSERTS_IN_FLIGHT = 200;

/** The collect queue of one pool, from the side that fills it: one BullMQ Job Scheduler a collector. */
export class TickQueue {
  readonly #queue: Queue;

  constructor(pool: string, connection: Redis) {
    this.#queue = new Queue(queueNames.collect(pool), { connection, prefix: PREFIX });
    this.#queue.on('error', () => undefined); // the connection reports its own errors
  }

  /**
   * Writes schedules. One that stands already goes first: BullMQ stores a new offset but goes on ticking at the old
   * one, and a chain that a fast clock sent far ahead stays there.
   */
  async schedule(wanted: readonly Schedule[], stored: ReadonlyMap<string, StoredSchedule>): Promise<void> {
    await inBatches(wanted, async (schedule) => {
      const id = schedulerId(schedule.collector);
      if (stored.has(id)) await this.#queue.removeJobScheduler(id);
      await this.#queue.upsertJobScheduler(
        id,
        { every: schedule.everyMs, offset: schedule.offsetMs },
        { name: 'tick', data: { collector: schedule.collector }, opts: { attempts: 1 } },
      );
    });
  }

  async unschedule(schedulers: readonly string[]): Promise<void> {
    await inBatches(schedulers, async (id) => {
      await this.#queue.removeJobScheduler(id);
    });
  }

  async stored(): Promise<Map<string, StoredSchedule>> {
    const all = await this.#queue.getJobSchedulers(0, -1);
    return new Map(
      all.map((entry) => [
        entry.key,
        {
          scheduler: entry.key,
          everyMs: entry.every ?? 0,
          offsetMs: entry.offset ?? 0,
          nextMs: entry.next ?? 0,
        },
      ]),
    );
  }

  /** A run outside the grid. `id` comes from `tickId`. */
  async runOnce(id: string, collector: CollectorId, delayMs = 0): Promise<void> {
    await this.#queue.add(
      'tick',
      { collector },
      { jobId: id, attempts: 1, ...(delayMs ? { delay: delayMs } : {}) },
    );
  }

  /** What the worker answered for a tick: `succeeded`, `overlap`, …; null while it waits or runs. */
  async answer(id: string): Promise<string | null> {
    const job = await this.#queue.getJob(id);
    return job?.finishedOn ? String(job.returnvalue ?? job.failedReason) : null;
  }

  async close(): Promise<void> {
    await this.#queue.close();
  }
}

async function inBatches<T>(items: readonly T[], run: (item: T) => Promise<void>): Promise<void> {
  for (let start = 0; start < items.length; start += UPSERTS_IN_FLIGHT) {
    await Promise.all(items.slice(start, start + UPSERTS_IN_FLIGHT).map(run));
  }
}
