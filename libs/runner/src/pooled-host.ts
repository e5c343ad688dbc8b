import type { Catalogue } from './catalogue.ts';
import type { Host } from './host.ts';

const SAMPLE_EVERY_MS = 5_000;

export interface RecycleLimits {
  /** Runs after which a host is replaced. */
  readonly runs: number;
  /** Growth of its resident memory since it became ready, KiB. */
  readonly growthKb: number;
}

/**
 * A place of the pool, from the first acquire of its key to the end of its host.
 *
 * States: *waiting* for room (no host yet), *up* (`host` is set: starting or ready), *retired* (still lent, or
 * being stopped; not lent again). It is *idle* while nobody holds a lease.
 */
export class PooledHost {
  readonly key: string;
  host: Host | null = null;
  leases = 0;
  retired = false;
  /** On the clock of performance.now(). */
  usedMs = performance.now();
  readyMs: number | null = null;
  readonly ready: Promise<Catalogue>;
  #resolve!: (catalogue: Catalogue | PromiseLike<Catalogue>) => void;
  #reject!: (error: Error) => void;
  #readyKb: number | null = null;
  #sampledMs = Number.NEGATIVE_INFINITY;
  #residentKb = 0;

  constructor(key: string) {
    this.key = key;
    this.ready = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.ready.catch(() => {});
  }

  get idle(): boolean {
    return this.leases === 0;
  }

  /** Whether it may be stopped to make room. */
  get evictable(): boolean {
    return this.idle && !this.retired && this.host !== null;
  }

  /** How long the host was ready, up to now. */
  upMs(): number {
    return this.readyMs === null ? 0 : performance.now() - this.readyMs;
  }

  /** There is room: the host is started. */
  open(host: Host): void {
    this.host = host;
    this.#resolve(
      host.ready.then((catalogue) => {
        this.readyMs = performance.now();
        this.#readyKb = host.residentKb();
        this.#residentKb = this.#readyKb ?? 0;
        return catalogue;
      }),
    );
  }

  /** There will be no host. */
  fail(error: Error): void {
    this.#reject(error);
  }

  /**
   * How worn the host is: 1 when it has done what it may, or grown as much as it may; more beyond that. Looks at
   * its memory now and then.
   */
  wear({ runs, growthKb }: RecycleLimits): number {
    if (!this.host) return 0;
    const grownKb = this.residentKb() - (this.#readyKb ?? 0);
    return Math.max(this.host.runs.total / runs, grownKb / growthKb);
  }

  /** What the host itself uses, as it was seen some seconds ago at most. */
  residentKb(): number {
    const now = performance.now();
    if (this.host && now - this.#sampledMs > SAMPLE_EVERY_MS) {
      this.#sampledMs = now;
      this.#residentKb = this.host.residentKb() ?? 0;
      this.#readyKb ??= this.#residentKb;
    }
    return this.#residentKb;
  }
}
