import type { Entry } from './batch.ts';
import { type BatchLimits, type Cut, cutBatch } from './batch-cut.ts';
import type { Clock } from './clock.ts';
import type { Destination } from './delivery.ts';

export interface QueueTiming {
  /** The longest that a line waits for company while there is a place to send it. */
  readonly maxWaitMs: number;
  /** The least between the starts of two batches that are not full. */
  readonly spacingMs: number;
}

/**
 * The lines for one destination, category, form and query. When are they due? Full: at once. Something in flight: when that
 * is back, at `maxWaitMs` at the latest. Nothing in flight: in the next turn of the event loop, or `spacingMs` after
 * the last batch started. So a lone report goes at once, and under load the batches grow by themselves (as in Nagle's
 * algorithm), while a queue takes no more than 1 / `spacingMs` of the rate that its route has.
 */
export class BatchQueue<O> {
  readonly #destination: Destination;
  readonly #limits: BatchLimits;
  readonly #timing: QueueTiming;
  readonly #clock: Clock;
  readonly #onDue: () => void;
  readonly #entries: Entry<O>[] = [];
  #points = 0;
  #bytes = 0;
  #inFlight = 0;
  #lastStartMs = Number.NEGATIVE_INFINITY;
  #cancelTimer: (() => void) | null = null;
  /** Due and not cut yet: it waits for a place. */
  #due = false;
  #hurried = false;

  constructor(
    destination: Destination,
    limits: BatchLimits,
    timing: QueueTiming,
    clock: Clock,
    onDue: () => void,
  ) {
    this.#destination = destination;
    this.#limits = limits;
    this.#timing = timing;
    this.#clock = clock;
    this.#onDue = onDue;
  }

  get empty(): boolean {
    return this.#entries.length === 0;
  }

  get idle(): boolean {
    return this.empty && this.#inFlight === 0;
  }

  add(entry: Entry<O>): void {
    this.#entries.push(entry);
    this.#points += entry.lines.length;
    this.#bytes += entry.bytes + entry.lines.length;
    this.#arm();
  }

  /** From now on everything is due as soon as there is a place. */
  hurry(): void {
    this.#hurried = true;
    this.#arm();
  }

  /** The next batch; it counts as in flight until `landed`. `departed` follows when it is on its way. */
  cut(): Cut<O> {
    const cut = cutBatch(this.#destination, this.#entries, this.#limits);
    this.#due = false;
    this.#inFlight++;
    this.#lastStartMs = this.#clock.now();
    this.#points = this.#entries.reduce((sum, { lines, next }) => sum + lines.length - next, 0);
    this.#bytes = this.empty ? 0 : this.#bytes - cut.takenBytes - cut.batch.points;
    return cut;
  }

  departed(): void {
    this.#arm();
  }

  landed(): void {
    this.#inFlight--;
    this.#arm();
  }

  /** Takes everything that is in no batch. */
  abandon(): Entry<O>[] {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    return this.#entries.splice(0);
  }

  #arm(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    if (this.#due || this.empty) return;
    if (this.#hurried || this.#full) this.#becomeDue();
    else this.#cancelTimer = this.#clock.after(this.#waitMs(), () => this.#becomeDue());
  }

  #becomeDue(): void {
    this.#cancelTimer = null;
    this.#due = true;
    this.#onDue();
  }

  /** `#bytes` counts one byte beside each line: a batch may leave a byte early, and is never cut too large. */
  get #full(): boolean {
    return this.#points >= this.#limits.maxPoints || this.#bytes >= this.#limits.maxBytes;
  }

  #waitMs(): number {
    const now = this.#clock.now();
    const latestMs = (this.#entries[0]?.addedMs ?? 0) + this.#timing.maxWaitMs;
    if (this.#inFlight > 0) return latestMs - now;
    return Math.min(latestMs, this.#lastStartMs + this.#timing.spacingMs) - now;
  }
}
