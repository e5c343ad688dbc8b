import type { Clock } from './clock.ts';
import type { Pacer } from './pacer.ts';
import type { RateSource } from './rate-source.ts';
import { WaitList } from './wait-list.ts';

/** How long what was leased may be used. The source's rate is made for it. */
export const LEASE_MS = 100;
/** A source that has not answered by then is away for this lane: a POST must not wait for it. */
const ANSWER_MS = 250;
/** How long a lane does without a source that was away. */
const AWAY_MS = 5_000;

export interface SharedLaneOptions {
  readonly key: string;
  readonly source: RateSource;
  /** Where requests are paced while the source is away. */
  readonly fallback: Pacer;
  /** The most that is leased at once. */
  readonly maxLease: number;
  readonly clock: Clock;
  readonly random: () => number;
}

/**
 * One route's share of a rate that several processes have in common. It leases for those who wait, and for as many more
 * as went within the last 100 ms, so that it asks about ten times a second when busy and never when idle.
 *
 * States: resting (nobody waits); asking (a lease is asked for, and whoever comes waits); waiting (nothing to be had until
 * a time that the source told, 100 ms at least); away (the source does not answer: who waits goes by the fallback, for 5 s).
 */
export class SharedLane {
  readonly #options: SharedLaneOptions;
  readonly #waiters = new WaitList();
  /** Nothing goes before, as far as the source has told. */
  #pausedUntilMs = Number.NEGATIVE_INFINITY;
  readonly #takenMs: number[] = [];
  #left = 0;
  #leftUntilMs = Number.NEGATIVE_INFINITY;
  #awayUntilMs = Number.NEGATIVE_INFINITY;
  #asking = false;
  #cancelTimer: (() => void) | null = null;

  constructor(options: SharedLaneOptions) {
    this.#options = options;
  }

  /** Whether a new lane would behave the same. */
  get forgettable(): boolean {
    const now = this.#options.clock.now();
    const quiet = this.#waiters.length === 0 && !this.#asking;
    return quiet && now > this.#leftUntilMs && now > this.#awayUntilMs;
  }

  async take(signal: AbortSignal, patienceMs = Number.POSITIVE_INFINITY): Promise<number> {
    signal.throwIfAborted();
    const { clock, fallback, key } = this.#options;
    const now = clock.now();
    if (now < this.#awayUntilMs) return fallback.take(key, signal, patienceMs);
    if (this.#pausedUntilMs - now > patienceMs) return this.#pausedUntilMs - now;
    this.#takenMs.push(now);
    if (this.#waiters.length === 0 && this.#left > 0 && now <= this.#leftUntilMs) {
      this.#left -= 1;
      return 0;
    }
    const waitMs = await this.#wait(signal, patienceMs);
    if (waitMs > 0) return waitMs;
    // Not the source's leave, but word that it is away.
    return clock.now() < this.#awayUntilMs ? fallback.take(key, signal, patienceMs) : 0;
  }

  async slowDown(afterMs: number | null): Promise<number> {
    const { source, fallback, key } = this.#options;
    this.#left = 0;
    const here = await fallback.throttled(key, afterMs);
    let waitMs = here;
    try {
      waitMs = await this.#inTime(source.slowDown(key, afterMs));
    } catch {
      // Then the fallback's word counts: the lane will find the source away, too.
    }
    this.#paused(waitMs);
    return waitMs;
  }

  /** Who has not the patience for such a wait goes away with it. */
  #paused(waitMs: number): void {
    this.#pausedUntilMs = this.#options.clock.now() + waitMs;
    this.#waiters.sendAway(waitMs);
  }

  #wait(signal: AbortSignal, patienceMs: number): Promise<number> {
    const turn = this.#waiters.wait(signal, patienceMs);
    if (!this.#asking && this.#cancelTimer === null) void this.#ask();
    return turn;
  }

  async #ask(): Promise<void> {
    const { clock, key, source } = this.#options;
    this.#asking = true;
    try {
      const { granted, waitMs } = await this.#inTime(source.lease(key, this.#wanted()));
      this.#left = granted;
      this.#leftUntilMs = clock.now() + LEASE_MS;
      while (this.#left > 0 && this.#waiters.length > 0) {
        this.#left -= 1;
        this.#waiters.letGo();
      }
      if (granted === 0) this.#paused(waitMs);
      this.#asking = false;
      if (this.#waiters.length > 0) this.#askAgain(waitMs);
    } catch {
      this.#asking = false;
      this.#awayUntilMs = clock.now() + AWAY_MS;
      this.#left = 0;
      while (this.#waiters.length > 0) this.#waiters.letGo();
    }
  }

  #askAgain(waitMs: number): void {
    const { clock, random } = this.#options;
    // Several lanes of one rate must not ask in step, or the first of them would get all of it.
    const afterMs = waitMs === 0 ? 0 : Math.max(LEASE_MS, waitMs) * (1 + random() / 10);
    this.#cancelTimer = clock.after(afterMs, () => {
      this.#cancelTimer = null;
      if (this.#waiters.length > 0) void this.#ask();
    });
  }

  #wanted(): number {
    const sinceMs = this.#options.clock.now() - LEASE_MS;
    while ((this.#takenMs[0] ?? sinceMs) < sinceMs) this.#takenMs.shift();
    return Math.min(this.#options.maxLease, Math.max(1, this.#waiters.length, this.#takenMs.length));
  }

  #inTime<T>(answer: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const forget = this.#options.clock.after(ANSWER_MS, () =>
        reject(new Error('the rate source did not answer')),
      );
      answer.finally(forget).then(resolve, reject);
    });
  }
}
