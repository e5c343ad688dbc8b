import type { Batch, BatchResult, Entry } from './batch.ts';
import { type BatchLimits, type Cut, range, shareFailure, shareResult } from './batch-cut.ts';
import { BatchQueue, type QueueTiming } from './batch-queue.ts';
import type { Clock } from './clock.ts';
import type { Destination } from './delivery.ts';

export interface LaneOptions<O> {
  readonly limits: BatchLimits;
  readonly timing: QueueTiming;
  /** Batches of one endpoint in flight at once. */
  readonly concurrency: number;
  /** Bytes of one endpoint in queues and in flight; an add beyond waits outside. */
  readonly maxHeldBytes: number;
  readonly send: (batch: Batch<O>) => Promise<BatchResult>;
  readonly clock: Clock;
}

/** Queues that are done with are kept, for they know when they last sent; above this many they are looked through. */
const SWEEP_ABOVE = 64;

interface Waiting<O> {
  readonly destination: Destination;
  readonly entry: Entry<O>;
}

/** Everything for one endpoint: its queues, its places for batches in flight, its share of memory. */
export class BatchLane<O> {
  readonly #options: LaneOptions<O>;
  readonly #queues = new Map<string, BatchQueue<O>>();
  /** Queues with a batch that is due, in the order of becoming so. */
  readonly #due: BatchQueue<O>[] = [];
  readonly #outside: Waiting<O>[] = [];
  #sending = 0;
  #heldBytes = 0;
  #outsideBytes = 0;
  #hurried = false;

  constructor(options: LaneOptions<O>) {
    this.#options = options;
  }

  /** Bytes in queues, in flight and outside. */
  get bytes(): number {
    return this.#heldBytes + this.#outsideBytes;
  }

  get idle(): boolean {
    return this.#outside.length === 0 && [...this.#queues.values()].every(({ idle }) => idle);
  }

  add(destination: Destination, entry: Entry<O>): void {
    this.#outside.push({ destination, entry });
    this.#outsideBytes += entry.bytes;
    this.#letIn();
  }

  hurry(): void {
    this.#hurried = true;
    for (const queue of this.#queues.values()) queue.hurry();
  }

  /** Gives back everything that is in no batch, as not sent. */
  abandon(error: Error): void {
    const outside = this.#outside.splice(0);
    this.#outsideBytes = 0;
    this.#due.length = 0;
    const inside = [...this.#queues.values()].flatMap((queue) => queue.abandon());
    for (const entry of inside) this.#heldBytes -= bytesLeft(entry);
    for (const entry of [...inside, ...outside.map((waiting) => waiting.entry)]) {
      entry.unsent({ indexes: range(entry.next, entry.lines.length), error });
    }
  }

  /** In the order of asking; an add that is larger than the bound goes alone. */
  #letIn(): void {
    const { maxHeldBytes } = this.#options;
    for (let first = this.#outside[0]; first; first = this.#outside[0]) {
      const { destination, entry } = first;
      if (this.#heldBytes > 0 && this.#heldBytes + entry.bytes > maxHeldBytes) return;
      this.#outside.shift();
      this.#outsideBytes -= entry.bytes;
      this.#heldBytes += entry.bytes;
      this.#queueOf(destination).add(entry);
    }
  }

  #queueOf(destination: Destination): BatchQueue<O> {
    const key = JSON.stringify([
      destination.category,
      destination.form ?? 'line-protocol',
      destination.query,
    ]);
    const known = this.#queues.get(key);
    if (known) return known;
    if (this.#queues.size >= SWEEP_ABOVE) {
      for (const [idleKey, { idle }] of this.#queues) if (idle) this.#queues.delete(idleKey);
    }
    const { limits, timing, clock } = this.#options;
    const queue: BatchQueue<O> = new BatchQueue(destination, limits, timing, clock, () => {
      this.#due.push(queue);
      this.#pump();
    });
    this.#queues.set(key, queue);
    if (this.#hurried) queue.hurry();
    return queue;
  }

  #pump(): void {
    while (this.#sending < this.#options.concurrency) {
      const queue = this.#due.shift();
      if (!queue) return;
      this.#sending++;
      void this.#launch(queue);
    }
  }

  async #launch(queue: BatchQueue<O>): Promise<void> {
    const cut = queue.cut();
    const settled = this.#settle(cut);
    queue.departed();
    await settled;
    this.#heldBytes -= cut.takenBytes;
    this.#sending--;
    queue.landed();
    this.#letIn();
    this.#pump();
  }

  async #settle(cut: Cut<O>): Promise<void> {
    if (cut.batch.points === 0) return;
    try {
      shareResult(cut, await this.#options.send(cut.batch));
    } catch (error) {
      shareFailure(cut, error instanceof Error ? error : new Error(String(error)));
    }
  }
}

/** Of the lines that are in no batch yet. */
function bytesLeft<O>({ sizes, next }: Entry<O>): number {
  return sizes.slice(next).reduce((sum, size) => sum + size, 0);
}
