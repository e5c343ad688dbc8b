/** A collector's state with the version that the registry knows it by. */
export interface HeldState {
  readonly version: string;
  readonly data: Buffer;
}

const MAX_BYTES = 64 * 1024 * 1024;

/**
 * What the collectors that run here left, so that one that runs here again need not fetch it. Redis decides: a claim
 * names the version that is in force, and what is held is used only if it is that one. The least recently used goes
 * first.
 */
export class StateCache {
  readonly #held = new Map<string, HeldState>();
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxBytes = MAX_BYTES) {
    this.#maxBytes = maxBytes;
  }

  get(scheduler: string): HeldState | undefined {
    const held = this.#held.get(scheduler);
    if (!held) return undefined;
    this.#held.delete(scheduler); // to the end: the first is the least recently used
    this.#held.set(scheduler, held);
    return held;
  }

  put(scheduler: string, state: HeldState): void {
    this.drop(scheduler);
    this.#held.set(scheduler, state);
    this.#bytes += state.data.length;
    for (const oldest of this.#held.keys()) {
      if (this.#bytes <= this.#maxBytes) return;
      this.drop(oldest);
    }
  }

  drop(scheduler: string): void {
    this.#bytes -= this.#held.get(scheduler)?.data.length ?? 0;
    this.#held.delete(scheduler);
  }
}
