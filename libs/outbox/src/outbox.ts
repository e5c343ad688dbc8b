import { createHash, randomUUID } from 'node:crypto';
import type { DeadLetter, DeliverJob } from '@pythond/jobs';
import { JobQueue, queueNames, type Redis } from '@pythond/queue';
import { storeDelivery, type WaitingDelivery } from './stored-delivery.ts';

/** A delivery is tried again for a day; what is left then is a dead letter. */
export const GIVE_UP_AFTER_MS = 24 * 3600 * 1000;

/** Never reached: age decides. */
const MAX_ATTEMPTS = 1_000_000;

/** The two queues that points wait in: `deliver`, until DataKit takes them, and `dead-letter`, until somebody does. */
export class Outbox {
  readonly #deliver: JobQueue<DeliverJob>;
  readonly #dead: JobQueue<DeadLetter>;

  constructor(redis: Redis) {
    this.#deliver = new JobQueue<DeliverJob>(queueNames.deliver, redis);
    this.#dead = new JobQueue<DeadLetter>(queueNames.deadLetter, redis);
  }

  /** Resolves when the points are in Redis. */
  async wait(delivery: WaitingDelivery, delayMs: number): Promise<void> {
    const job = await storeDelivery(delivery);
    await this.#deliver.add(job, { id: randomUUID(), attempts: MAX_ATTEMPTS, delayMs });
  }

  /**
   * Resolves when the letters are in Redis. A letter's id is its content, and its place among those of its run: a
   * re-run that meets the same refusals adds nothing.
   */
  async bury(letters: readonly DeadLetter[]): Promise<void> {
    await Promise.all(
      letters.map((letter, index) => this.#dead.add(letter, { id: letterId(letter, index) })),
    );
  }

  get deliver(): Pick<JobQueue<DeliverJob>, 'counts' | 'list' | 'get'> {
    return this.#deliver;
  }

  get dead(): Pick<JobQueue<DeadLetter>, 'counts' | 'list' | 'get'> {
    return this.#dead;
  }

  async close(): Promise<void> {
    await Promise.all([this.#deliver.close(), this.#dead.close()]);
  }
}

function letterId({ reason, category, body, origins }: DeadLetter, index: number): string {
  const runs = origins.map(({ run }) => run);
  return createHash('sha256')
    .update(JSON.stringify([reason.code, category, body, runs, index]))
    .digest('hex');
}
