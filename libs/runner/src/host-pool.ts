import { pause } from '@pythond/lifecycle';
import type { Catalogue } from './catalogue.ts';
import { HostPoolStoppedError } from './errors.ts';
import type { Host } from './host.ts';
import { type HostSpec, hostKey } from './host-key.ts';
import { HostPlaces } from './host-places.ts';
import type { AcquireOptions, HostLease, HostPoolOptions, HostPoolStats } from './host-pool-options.ts';
import type { PooledHost } from './pooled-host.ts';

const DEFAULT_WAIT_MS = 1_000;
const DEFAULT_DRAIN_MS = 10_000;

export interface HostPool {
  /**
   * Lends a ready host, started if need be. Give the same spec object for the same input: its digest is kept.
   *
   * @throws HostUnavailableError when hosts of this kind died lately
   * @throws HostDiedError when it dies before it is ready
   * @throws HostPoolStoppedError after stop(); the signal's reason when that is aborted
   */
  acquire(spec: HostSpec, options?: AcquireOptions): Promise<HostLease>;
  stats(): HostPoolStats;
  /** Waits `drainMs` for what is lent, then stops all hosts. Complete when it resolves; may be called again. */
  stop(drainMs?: number): Promise<void>;
}

export function createHostPool(options: HostPoolOptions): HostPool {
  return new PlacesPool(options);
}

/** Lends the hosts of its {@link HostPlaces}. It is *open* until stop() is called, then *stopped*: nothing is lent. */
class PlacesPool implements HostPool {
  readonly #places: HostPlaces;
  #stopped: Promise<void> | null = null;

  constructor(options: HostPoolOptions) {
    this.#places = new HostPlaces(options);
  }

  async acquire(spec: HostSpec, options: AcquireOptions = {}): Promise<HostLease> {
    const { signal } = options;
    const key = hostKey(spec);
    for (;;) {
      signal?.throwIfAborted();
      if (!this.#places.has(key) && (await this.#backOff(key, options))) continue;
      if (this.#stopped) throw new HostPoolStoppedError();
      const lease = await this.#enter(key, spec, signal);
      if (lease) return lease;
    }
  }

  stats(): HostPoolStats {
    return this.#places.stats();
  }

  stop(drainMs: number = DEFAULT_DRAIN_MS): Promise<void> {
    this.#stopped ??= this.#stop(drainMs);
    return this.#stopped;
  }

  async #stop(drainMs: number): Promise<void> {
    const drained = new AbortController();
    void this.#places.close().then(() => drained.abort());
    await pause(drainMs, drained.signal);
    await this.#places.stopAll();
  }

  /** Returns whether it waited; throws when the wait would be too long. */
  async #backOff(key: string, { signal, waitMs = DEFAULT_WAIT_MS }: AcquireOptions): Promise<boolean> {
    const { failures } = this.#places;
    const needMs = failures.waitMs(key);
    if (needMs === 0) return false;
    const error = failures.errorFor(key);
    if (error && needMs > waitMs) throw error;
    await pause(needMs, signal);
    return true;
  }

  /** Null when the host of the place is dying: then it is to be asked again. */
  async #enter(key: string, spec: HostSpec, signal: AbortSignal | undefined): Promise<HostLease | null> {
    const place = this.#places.enter(key, spec);
    try {
      const catalogue = await unlessAborted(place.ready, signal);
      const { host } = place;
      if (host?.state.kind === 'ready') return this.#lease(place, host, catalogue);
      await host?.closed;
    } catch (error) {
      this.#places.leave(place);
      throw error;
    }
    this.#places.leave(place);
    return null;
  }

  #lease(place: PooledHost, host: Host, catalogue: Catalogue): HostLease {
    let held = true;
    return {
      host,
      catalogue,
      retire: () => this.#places.retire(place),
      release: () => {
        if (held) this.#places.leave(place);
        held = false;
      },
    };
  }
}

function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
