import { placeOf } from '@pythond/jobs';
import { HEARTBEAT_MS, type WorkerView } from '@pythond/registry';

/** One host in one pool. */
export interface HostPlace {
  readonly pool: string;
  readonly host: string;
}

/** The hosts that are there, by their places (`pool@host`). */
export type HostPlaces = ReadonlyMap<string, HostPlace>;

/** A worker that leaves in order comes back within this, and so does one whose heartbeats Redis lost with a restart. */
const GONE_AFTER_MS = HEARTBEAT_MS + 1_000;

/**
 * Which hosts have a worker. A place is *there* from the first look that sees a worker of it, and *gone* when no look has
 * seen one for a while. What is known of earlier is there when it is told first, so that nothing ends by a restart of
 * the scheduler.
 */
export class HostRoll {
  readonly #seen = new Map<string, { readonly place: HostPlace; atMs: number }>();
  #wasTold = false;

  /** `nowMs`: by a clock that never goes back. `known`: the places that have had collectors when it was looked last. */
  look(workers: readonly WorkerView[], nowMs: number, known?: readonly HostPlace[]): HostPlaces {
    if (known && !this.#wasTold) {
      this.#wasTold = true;
      this.#see(known, nowMs);
    }
    for (const { host, pools, takesOwnHost } of workers) {
      if (takesOwnHost)
        this.#see(
          pools.map((pool) => ({ pool, host })),
          nowMs,
        );
    }
    for (const [name, { atMs }] of this.#seen) if (nowMs - atMs > GONE_AFTER_MS) this.#seen.delete(name);
    return new Map([...this.#seen].map(([name, { place }]) => [name, place]));
  }

  #see(places: readonly HostPlace[], atMs: number): void {
    for (const place of places) this.#seen.set(placeOf(place), { place, atMs });
  }
}
