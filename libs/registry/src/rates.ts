import { type Redis, Script } from '@pythond/queue';
import { keys } from './keys.ts';

/** What DataKit takes from one address on one route is 100 a second; so much is used at most. */
const PER_SECOND = 80;
/** What may go at once. */
const BURST = PER_SECOND / 10;
/** How long after its lease a request may go. Any second sees at most what was leased in so much more than a second. */
const LEASE_MS = 100;
const COST_MS = (1000 + LEASE_MS) / (PER_SECOND - BURST);
/** The least pause after a 429, the most that a server may ask for, and how long until the rate is full again. */
const MIN_PAUSE_MS = 1_000;
const MAX_PAUSE_MS = 60_000;
const PAUSE_JITTER_MS = 500;
const RECOVERY_MS = 10_000;
const LEAST_SHARE = 1 / 64;

const leaseScript = new Script(new URL('../lua/lease-rate.lua', import.meta.url));
const slowDownScript = new Script(new URL('../lua/slow-down.lua', import.meta.url));

export interface RatesOptions {
  /** What all senders of one source address have in common: the machine's name. */
  readonly source: string;
  readonly random?: () => number;
}

/**
 * Requests a second to each route, in Redis: leased by all senders of one source address together, at most 80; slowed for
 * the whole fleet when a server says "too many". A `RateSource` of libs/datakit.
 */
export class Rates {
  readonly #redis: Redis;
  readonly #source: string;
  readonly #random: () => number;

  constructor(redis: Redis, { source, random = Math.random }: RatesOptions) {
    this.#redis = redis;
    this.#source = source;
    this.#random = random;
  }

  /** Rejects when Redis does. */
  async lease(route: string, wanted: number): Promise<{ granted: number; waitMs: number }> {
    const [granted = 0, waitMs = 0] = (await leaseScript.run(
      this.#redis,
      [keys.rate(this.#source, route), keys.throttle(route)],
      [wanted, COST_MS, BURST, RECOVERY_MS],
    )) as number[];
    return { granted, waitMs };
  }

  /** Rejects when Redis does. */
  async slowDown(route: string, afterMs: number | null): Promise<number> {
    const pauseMs = Math.min(Math.max(MIN_PAUSE_MS, afterMs ?? 0), MAX_PAUSE_MS);
    const jitteredMs = Math.round(pauseMs + this.#random() * PAUSE_JITTER_MS);
    const reply = await slowDownScript.run(
      this.#redis,
      [keys.throttle(route)],
      [jitteredMs, RECOVERY_MS, LEAST_SHARE],
    );
    return Number(reply);
  }
}
