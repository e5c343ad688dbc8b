import type { DeliverJob } from '@pythond/jobs';
import { JobQueue, queueNames, type Redis } from '@pythond/queue';
import type { WaitingDelivery } from './stored-delivery.ts';

/** Never reached: age decides. */
const MAX_ATTEMPTS = 1_000_000;

/** The queue that says when a delivery is to be tried: a small job for each. */
export class DeliverQueue {
  readonly #queue: JobQueue<DeliverJob>;

  constructor(redis: Redis) {
    this.#queue = new JobQueue<DeliverJob>(queueNames.deliver, redis);
  }

  async add({ id, destination, points }: WaitingDelivery, delayMs = 0): Promise<void> {
    const { endpoint, category } = destination;
    await this.#add({ v: 2, delivery: id, endpoint, category, points: points.length }, delayMs);
  }

  /** For a delivery that can't be read: its try buries it. */
  async addUnreadable(id: string): Promise<void> {
    await this.#add({ v: 2, delivery: id, endpoint: '', category: '', points: 1 }, 0);
  }

  /** Those of the deliveries that have no job. */
  missing(ids: readonly string[]): Promise<string[]> {
    return this.#queue.missing(ids);
  }

  async close(): Promise<void> {
    await this.#queue.close();
  }

  async #add(job: DeliverJob, delayMs: number): Promise<void> {
    await this.#queue.add(job, { id: job.delivery, attempts: MAX_ATTEMPTS, delayMs });
  }
}
