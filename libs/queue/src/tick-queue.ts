import { type CollectorId, schedulerId } from '@pythond/jobs';
import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { key, PREFIX, queueNames } from './names.ts';
import { Script } from './script.ts';

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
  /** Whether the job of `nextMs` is to come, waits or is run now. If not, no tick of it will ever be due again. */
  readonly goesOn: boolean;
}

/** How many upserts are under way at once: with 50 to 500 one Redis takes 13,000 a second. */
const UPSERTS_IN_FLIGHT = 200;

/** So many schedulers are looked at in one step of Redis: some milliseconds. */
const LOOKED_AT_ONCE = 1_000;

const lookScript = new Script(new URL('../lua/look-at-schedules.lua', import.meta.url));

/**
 * The collect queue of one place (a pool, or one host of it: `pool@host`), from the side that fills it: one BullMQ Job
 * Scheduler a collector.
 */
export class TickQueue {
  readonly #queue: Queue;
  readonly #redis: Redis;
  /** Those that the look takes, in its order. */
  readonly #keys: readonly string[];

  constructor(place: string, connection: Redis) {
    this.#redis = connection;
    const parts = ['repeat', 'delayed', 'prioritized', 'wait', 'paused', 'active'];
    this.#keys = parts.map((part) => key(queueNames.collect(place), part));
    this.#queue = new Queue(queueNames.collect(place), { connection, prefix: PREFIX });
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

  /** All Job Schedulers of the pool, by id. */
  async stored(): Promise<Map<string, StoredSchedule>> {
    const ids = await this.#redis.zrange(this.#keys[0] ?? '', '0', '-1');
    const all = new Map<string, StoredSchedule>();
    for (let start = 0; start < ids.length; start += LOOKED_AT_ONCE) {
      const some = ids.slice(start, start + LOOKED_AT_ONCE);
      const reply = (await lookScript.run(this.#redis, this.#keys, some)) as string[];
      for (const schedule of parseLook(reply)) all.set(schedule.scheduler, schedule);
    }
    return all;
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

  /** Leaves nothing of it: schedules, what waits, what a worker that is gone had begun. */
  async drop(): Promise<void> {
    await this.#queue.obliterate({ force: true });
  }

  async close(): Promise<void> {
    await this.#queue.close();
  }
}

function* parseLook(reply: readonly string[]): Generator<StoredSchedule> {
  for (let at = 0; at + 4 < reply.length; at += 5) {
    const [scheduler = '', next, every, offset, goesOn] = reply.slice(at, at + 5);
    yield {
      scheduler,
      everyMs: Number(every),
      offsetMs: Number(offset),
      nextMs: Number(next),
      goesOn: goesOn === '1',
    };
  }
}

async function inBatches<T>(items: readonly T[], run: (item: T) => Promise<void>): Promise<void> {
  for (let start = 0; start < items.length; start += UPSERTS_IN_FLIGHT) {
    await Promise.all(items.slice(start, start + UPSERTS_IN_FLIGHT).map(run));
  }
}
