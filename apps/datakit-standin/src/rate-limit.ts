/** Requests a second for each client and route, with bursts of as many. */
export class RateLimit {
  readonly #perSecond: number;
  readonly #now: () => number;
  readonly #buckets = new Map<string, { tokens: number; atMs: number }>();

  constructor(perSecond: number, now: () => number) {
    this.#perSecond = perSecond;
    this.#now = now;
  }

  /** Whether one more request may pass; it is counted when it may. */
  take(client: string, route: string): boolean {
    const key = `${client} ${route}`;
    const atMs = this.#now();
    const last = this.#buckets.get(key) ?? { tokens: this.#perSecond, atMs };
    const tokens = Math.min(this.#perSecond, last.tokens + ((atMs - last.atMs) / 1000) * this.#perSecond);
    const passes = tokens >= 1;
    // Clients that are no more would stay for ever: a full bucket is the same as none.
    if (this.#buckets.size > 10_000) this.#buckets.clear();
    this.#buckets.set(key, { tokens: passes ? tokens - 1 : tokens, atMs });
    return passes;
  }
}
