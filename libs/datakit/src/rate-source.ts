/** What a rate source lets go. */
export interface RateLease {
  /** So many requests may go, within the next 100 ms. */
  readonly granted: number;
  /** How long until there can be more; 0 when all that was wanted was granted. */
  readonly waitMs: number;
}

/**
 * The rates of all senders of one source address, wherever it keeps them. `key` is a route of an endpoint. Both reject
 * when the source can't be asked.
 */
export interface RateSource {
  lease(key: string, wanted: number): Promise<RateLease>;
  /** The server said "too many": all senders wait, then go slower. Gives how long until the next request may go. */
  slowDown(key: string, afterMs: number | null): Promise<number>;
}
