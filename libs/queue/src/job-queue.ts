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
