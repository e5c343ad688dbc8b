import { type JobsOptions, Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { key, PREFIX } from './names.ts';

export interface AddOptions {
  /** Deterministic: adding an id that Redis still holds does nothing. */
  readonly id: string;
  readonly delayMs?: number;
  /** Tries in all; the pause between them is the worker's business. */
  readonly attempts?: number;
  /** Keep the job for looking at after it is done: so many. 0, the default, keeps none. */
  readonly keep?: number;
}

export interface StoredJob<T> {
  readonly id: string;
  readonly data: T;
  readonly addedMs: number;
  readonly attempts: number;
}

/** Jobs waiting for a worker. */
export class JobQueue<T> {
  readonly name: string;
  readonly #queue: Queue;
  readonly #redis: Redis;

  constructor(name: string, connection: Redis) {
    this.name = name;
    this.#redis = connection;
    this.#queue = new Queue(name, { connection, prefix: PREFIX, skipMetasUpdate: true });
    this.#queue.on('error', () => undefined); // the connection reports its own errors
  }

  async add(data: T, options: AddOptions): Promise<void> {
    await this.#queue.add(this.name, data, jobsOptions(options));
  }

  /** Waiting, delayed, running and failed. */
  async counts(): Promise<Record<'waiting' | 'active' | 'delayed' | 'failed', number>> {
    const counts = await this.#queue.getJobCounts('waiting', 'active', 'delayed', 'failed', 'prioritized');
    return {
      waiting: (counts['waiting'] ?? 0) + (counts['prioritized'] ?? 0),
      active: counts['active'] ?? 0,
      delayed: counts['delayed'] ?? 0,
      failed: counts['failed'] ?? 0,
    };
  }

  async get(id: string): Promise<StoredJob<T> | null> {
    const job = await this.#queue.getJob(id);
    return job ? { id, data: job.data as T, addedMs: job.timestamp, attempts: job.attemptsMade } : null;
  }

  /** The waiting jobs from `start` to `end`, oldest first. */
  async list(start: number, end: number): Promise<StoredJob<T>[]> {
    const jobs = await this.#queue.getJobs(['waiting'], start, end, true);
    return jobs.flatMap((job) =>
      job?.id
        ? [{ id: job.id, data: job.data as T, addedMs: job.timestamp, attempts: job.attemptsMade }]
        : [],
    );
  }

  /** Those of the ids that no job has, whatever its state. */
  async missing(ids: readonly string[]): Promise<string[]> {
    const pipeline = this.#redis.pipeline();
    for (const id of ids) pipeline.exists(key(this.name, id));
    const replies = (await pipeline.exec()) ?? [];
    return ids.filter((_, index) => replies[index]?.[1] === 0);
  }

  async close(): Promise<void> {
    await this.#queue.close();
  }
}

function jobsOptions({ id, delayMs, attempts, keep = 0 }: AddOptions): JobsOptions {
  return {
    jobId: id,
    ...(delayMs ? { delay: delayMs } : {}),
    attempts: attempts ?? 1,
    backoff: { type: 'custom' },
    removeOnComplete: keep > 0 ? { count: keep } : true,
    removeOnFail: { count: 1_000 },
  };
}
