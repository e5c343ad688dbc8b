import { Recurring } from '@pythond/lifecycle';
import type { Redis } from '@pythond/queue';

/** From here on ticks would be taken too early or too late. */
const OFF_MS = 1_000;
const COMPARE_EVERY_MS = 60_000;
/** How often it is looked whether a comparison is due; also how soon one follows that failed, or that found it off. */
const LOOK_EVERY_MS = 2_000;
/** A clock that was set moves against the one that only counts: then a comparison is due at once. */
const JUMP_MS = 250;

export interface FleetClockOptions {
  readonly redis: Pick<Redis, 'time'>;
  /** Its clock is off, by so much, or by another amount than before: Redis's is ahead (> 0) or behind. */
  readonly onOff: (aheadMs: number) => void;
  /** It was off, and is right again. */
  readonly onRight: () => void;
  readonly onError: (error: unknown) => void;
  /** This machine's clock, milliseconds. */
  readonly now?: () => number;
}

/**
 * Compares this machine's clock with Redis's, which is the fleet's: at its start, every minute, and soon after the clock
 * was set. It is *right* or *off*; off is what differs by more than a second, the way there and back taken into account.
 */
export class FleetClock {
  readonly #options: FleetClockOptions;
  readonly #now: () => number;
  readonly #looking: Recurring;
  #aheadMs = 0;
  #offMs: number | null = null;
  #dueMs = Number.NEGATIVE_INFINITY;
  /** Between the clock and the one that only counts, at the last comparison. */
  #base = 0;

  constructor(options: FleetClockOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#looking = new Recurring(() => this.#look(), LOOK_EVERY_MS, options.onError);
  }

  /** By how much Redis's clock is ahead; null while this machine's is right. */
  get offMs(): number | null {
    return this.#offMs;
  }

  /** Redis's time, milliseconds, as well as it is known. */
  get nowMs(): number {
    return this.#now() + this.#aheadMs;
  }

  /** Whether it may be acted upon now: where it was set since the last comparison, Redis is asked first. */
  async isRight(): Promise<boolean> {
    if (this.#hasJumped) await this.#compare().catch(this.#options.onError);
    return this.#offMs === null;
  }

  /** Resolves after the first comparison, however it went. */
  async start(): Promise<void> {
    await this.#compare().catch(this.#options.onError);
    this.#looking.start();
  }

  stop(): Promise<void> {
    return this.#looking.stop();
  }

  get #hasJumped(): boolean {
    return Math.abs(this.#now() - performance.now() - this.#base) > JUMP_MS;
  }

  async #look(): Promise<void> {
    if (this.#hasJumped || performance.now() >= this.#dueMs) await this.#compare();
  }

  async #compare(): Promise<void> {
    const askedMs = this.#now();
    const startedMs = performance.now();
    const [seconds = 0, microseconds = 0] = await this.#options.redis.time();
    const tookMs = performance.now() - startedMs;
    const redisMs = Number(seconds) * 1000 + Number(microseconds) / 1000;
    this.#aheadMs = Math.round(redisMs - askedMs - tookMs / 2);
    this.#base = askedMs - startedMs;
    const isOff = Math.abs(this.#aheadMs) - tookMs / 2 > OFF_MS;
    this.#dueMs = performance.now() + (isOff ? LOOK_EVERY_MS : COMPARE_EVERY_MS);
    this.#tell(isOff ? this.#aheadMs : null);
  }

  #tell(offMs: number | null): void {
    const before = this.#offMs;
    this.#offMs = offMs;
    if (offMs === null) {
      if (before !== null) this.#options.onRight();
    } else if (before === null || Math.abs(offMs - before) > OFF_MS) {
      this.#options.onOff(offMs);
    }
  }
}

/** What people are told of a clock that is off; `whose`: the worker or the scheduler. */
export function clockText(whose: string, aheadMs: number): string {
  const way = aheadMs > 0 ? 'behind' : 'ahead of';
  const seconds = Math.round(Math.abs(aheadMs) / 100) / 10;
  return `the clock of ${whose} is ${seconds} s ${way} that of Redis`;
}
