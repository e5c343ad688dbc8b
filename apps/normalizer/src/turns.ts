export interface TurnsOptions {
  /** Deliveries to one DataKit in hand at once. */
  readonly most: number;
  /** What a DataKit takes in a second: so far apart are those that have to come again. */
  readonly perSecond: number;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

/** A turn that was had, to be ended; or how long to wait for one. */
export type Turn = { readonly end: () => void } | { readonly waitMs: number };

interface Place {
  inHand: number;
  /** When the next one that is sent away is to come again. */
  nextMs: number;
}

/**
 * Shares a normalizer among DataKits, so that the backlog of one keeps nothing else waiting: beyond a few deliveries in
 * hand, those that follow are sent away at once, each to come again when its turn is due by the rate.
 */
export class Turns {
  readonly #options: TurnsOptions;
  /** DataKits with a delivery in hand, or one that is to come again. */
  readonly #places = new Map<string, Place>();

  constructor(options: TurnsOptions) {
    this.#options = options;
  }

  take(endpoint: string): Turn {
    const { most, perSecond, now } = this.#options;
    const place = this.#places.get(endpoint) ?? { inHand: 0, nextMs: 0 };
    this.#places.set(endpoint, place);
    if (place.inHand >= most) {
      place.nextMs = Math.max(place.nextMs, now()) + 1000 / perSecond;
      return { waitMs: Math.ceil(place.nextMs - now()) };
    }
    place.inHand += 1;
    return { end: () => this.#end(endpoint, place) };
  }

  #end(endpoint: string, place: Place): void {
    place.inHand -= 1;
    if (place.inHand === 0 && place.nextMs <= this.#options.now()) this.#places.delete(endpoint);
  }
}
