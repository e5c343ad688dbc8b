import type { Clock } from './clock.ts';
import { WaitList } from './wait-list.ts';

/** The least that a server gets to breathe after a 429, and the most that its Retry-After may ask. */
const MIN_PAUSE_MS = 1000;
const MAX_PAUSE_MS = 60_000;
const PAUSE_JITTER_MS = 500;
/** However slow it got, a lane is at full rate this long after its last pause. */
const RECOVERY_MS = 10_000;
const SLOWEST_SHARE = 1 / 64;
/** How much of a second's allowance may go at once; the rest flows, so that any second holds the allowance. */
const BURST_SHARE = 0.1;

/**
 * One route's token bucket. States: full rate; paused (until `#resumeMs`, nothing goes); recovering (the rate grows
 * evenly from `#share` of the full one at `#resumeMs` to all of it within 10 s). A 429 pauses and halves; those that
 * come while paused answer requests from before the pause and change nothing. Waiters go in the order of asking.
 */
export class PacerLane {
  readonly #burst: number;
  readonly #perMs: number;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #waiters = new WaitList();
  #tokens: number;
  #countedMs: number;
  #resumeMs = Number.NEGATIVE_INFINITY;
  #share = 1;
  #cancelTimer: (() => void) | null = null;

  constructor(perSecond: number, clock: Clock, random: () => number) {
    this.#burst = Math.max(1, Math.floor(perSecond * BURST_SHARE));
    // A second sees less than burst + rate requests, so never more than `perSecond`.
    this.#perMs = (perSecond + 1 - this.#burst) / 1000;
    this.#clock = clock;
    this.#random = random;
    this.#tokens = this.#burst;
    this.#countedMs = clock.now();
  }

  /** Whether a new lane would behave the same. */
  get forgettable(): boolean {
    this.#count();
    const recovered = this.#shareAt(this.#clock.now()) === 1;
    return recovered && this.#waiters.length === 0 && this.#tokens === this.#burst;
  }

  async take(signal: AbortSignal, patienceMs = Number.POSITIVE_INFINITY): Promise<number> {
    signal.throwIfAborted();
    if (this.#waiters.length === 0 && this.#takeToken()) return 0;
    const pauseMs = this.#resumeMs - this.#clock.now();
    if (pauseMs > patienceMs) return pauseMs;
    const turn = this.#waiters.wait(signal, patienceMs, () => this.#arm());
    this.#arm();
    return turn;
  }

  throttled(afterMs: number | null): number {
    const now = this.#clock.now();
    if (now >= this.#resumeMs) {
      this.#share = Math.max(SLOWEST_SHARE, this.#shareAt(now) / 2);
      const pauseMs = Math.min(Math.max(MIN_PAUSE_MS, afterMs ?? 0), MAX_PAUSE_MS);
      this.#resumeMs = now + pauseMs + this.#random() * PAUSE_JITTER_MS;
      this.#countedMs = this.#resumeMs;
      this.#tokens = 0;
    }
    this.#waiters.sendAway(this.#resumeMs - now);
    this.#arm();
    return this.#resumeMs - now;
  }

  #pump(): void {
    while (this.#waiters.length > 0 && this.#takeToken()) this.#waiters.letGo();
    this.#arm();
  }

  #takeToken(): boolean {
    this.#count();
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  #count(): void {
    const now = this.#clock.now();
    if (now <= this.#countedMs) return;
    // The rate at the span's start: never more than what was allowed during it.
    const earned = (now - this.#countedMs) * this.#perMs * this.#shareAt(this.#countedMs);
    this.#tokens = Math.min(this.#burst, this.#tokens + earned);
    this.#countedMs = now;
  }

  #shareAt(atMs: number): number {
    return Math.min(1, this.#share + Math.max(0, atMs - this.#resumeMs) / RECOVERY_MS);
  }

  /** Wakes up when the next waiter's token is due. */
  #arm(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    if (this.#waiters.length === 0) return;
    const now = this.#clock.now();
    const fromMs = Math.max(this.#countedMs, now);
    const earnsPerMs = this.#perMs * this.#shareAt(fromMs);
    const waitMs = fromMs - now + Math.max(0, 1 - this.#tokens) / earnsPerMs;
    // Whole milliseconds: a fraction can be too little for the clock to show that it passed.
    this.#cancelTimer = this.#clock.after(Math.ceil(waitMs), () => this.#pump());
  }
}
