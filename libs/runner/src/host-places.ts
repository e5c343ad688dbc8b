import { HostDiedError, HostPoolStoppedError } from './errors.ts';
import type { HostDeath } from './host-death.ts';
import { HostFailures } from './host-failures.ts';
import type { HostSpec } from './host-key.ts';
import type { HostPoolOptions, HostPoolStats, RetireReason } from './host-pool-options.ts';
import { PooledHost, type RecycleLimits } from './pooled-host.ts';
import { createHost } from './python-host.ts';

const defaultRecycle: RecycleLimits = { runs: 10_000, growthKb: 128 * 1024 };

interface Waiting {
  readonly place: PooledHost;
  readonly spec: HostSpec;
}

/**
 * The places of a pool: at most one that is lent for each key, at most `maxHosts` with a process.
 *
 * - A place without room *waits*, first come first served; room is made by stopping the idle host that was used
 *   longest ago. So it is when all of them together use more memory than they may.
 * - A host that died without being asked to loses its place, and its key's failures are counted.
 * - A worn host (many runs, or grown) is *retired* once idle, or when twice as worn even though it is busy: it is
 *   not lent again, and stops when its last lease is back.
 */
export class HostPlaces {
  readonly failures: HostFailures;
  readonly #options: HostPoolOptions;
  readonly #recycle: RecycleLimits;
  readonly #lendable = new Map<string, PooledHost>();
  /** Those with a process, retired ones included. */
  readonly #open = new Set<PooledHost>();
  #waiting: Waiting[] = [];
  #onIdle: (() => void) | null = null;

  constructor(options: HostPoolOptions) {
    this.#options = options;
    this.#recycle = { ...defaultRecycle, ...options.recycle };
    this.failures = new HostFailures(options.random ?? Math.random);
  }

  has(key: string): boolean {
    return this.#lendable.has(key);
  }

  /** Takes a lease on the place of a key, which is made if need be. */
  enter(key: string, spec: HostSpec): PooledHost {
    const known = this.#lendable.get(key);
    const place = known ?? new PooledHost(key);
    place.leases++;
    if (known) return known;
    this.#lendable.set(key, place);
    this.#waiting.push({ place, spec });
    this.#fill();
    return place;
  }

  /** Gives a lease back. */
  leave(place: PooledHost): void {
    place.leases--;
    place.usedMs = performance.now();
    if (place.retired) this.#stopIfIdle(place);
    else if (this.#open.has(place)) this.#retireIfWorn(place);
    this.#fitMemory();
    if (this.#waiting.length > 0) this.#fill();
    if (this.#onIdle && !this.isBusy()) this.#onIdle();
  }

  /** It is not lent again. */
  retire(place: PooledHost): void {
    this.#retire(place, 'unwanted');
  }

  isBusy(): boolean {
    return [...this.#open].some(({ idle }) => !idle);
  }

  stats(): HostPoolStats {
    const open = [...this.#open];
    const up = open.filter(({ retired }) => !retired);
    return {
      starting: up.filter(({ readyMs }) => readyMs === null).length,
      busy: open.filter(({ idle, readyMs }) => !idle && readyMs !== null).length,
      idle: up.filter(({ idle, readyMs }) => idle && readyMs !== null).length,
      stopping: open.filter(({ retired, idle }) => retired && idle).length,
      waiting: this.#waiting.length,
    };
  }

  /** Lends nothing any more; resolves when nothing is lent. */
  close(): Promise<void> {
    for (const { place } of this.#waiting) place.fail(new HostPoolStoppedError());
    this.#waiting = [];
    for (const place of this.#open) this.#retire(place, 'stopping');
    return new Promise((resolve) => {
      if (this.isBusy()) this.#onIdle = resolve;
      else resolve();
    });
  }

  /** Stops every host; complete when it resolves. */
  async stopAll(): Promise<void> {
    await Promise.all([...this.#open].map(({ host }) => host?.stop()));
  }

  /** Opens waiting places while there is room, and makes room. */
  #fill(): void {
    for (let next = this.#waiting[0]; next; next = this.#waiting[0]) {
      const wanted = !next.place.idle; // whoever asked for it may have gone
      if (wanted && this.#open.size >= this.#options.maxHosts) break;
      this.#waiting.shift();
      if (wanted) this.#start(next);
      else this.#forget(next.place);
    }
    if (this.#waiting.length > 0) this.#makeRoom();
  }

  #makeRoom(): void {
    const open = [...this.#open];
    const leaving = open.filter(({ retired }) => retired).length;
    const wanted = Math.max(0, this.#waiting.length - leaving);
    for (const place of longestUnused(open).slice(0, wanted)) this.#retire(place, 'evicted');
  }

  /** What is lent stays: each host has a limit of its own. */
  #fitMemory(): void {
    const limitKb = (this.#options.maxMemoryBytes ?? Number.POSITIVE_INFINITY) / 1024;
    const open = [...this.#open].filter(({ retired }) => !retired);
    let usedKb = open.reduce((sum, place) => sum + place.residentKb(), 0);
    for (const place of longestUnused(open)) {
      if (usedKb <= limitKb) return;
      usedKb -= place.residentKb();
      this.#retire(place, 'evicted');
    }
  }

  #start({ place, spec }: Waiting): void {
    const { corePath, tmpDir, onEvent } = this.#options;
    const { key } = place;
    const startedMs = performance.now();
    try {
      const host = (this.#options.createHost ?? createHost)({ ...spec, corePath, tmpDir });
      this.#open.add(place);
      place.open(host);
      onEvent?.({ kind: 'starting', key, pid: host.pid });
      const onReady = () =>
        onEvent?.({ kind: 'ready', key, pid: host.pid, ms: performance.now() - startedMs });
      host.ready.then(onReady, () => {});
      void host.closed.then((death) => this.#gone(place, death));
    } catch (error) {
      if (!(error instanceof HostDiedError)) throw error;
      place.fail(error);
      this.#gone(place, error.death);
    }
  }

  #retireIfWorn(place: PooledHost): void {
    const wear = place.wear(this.#recycle);
    if (wear >= 2 || (wear >= 1 && place.idle)) this.#retire(place, 'worn');
  }

  #retire(place: PooledHost, why: RetireReason): void {
    if (!place.retired) this.#options.onEvent?.({ kind: 'retired', key: place.key, why });
    place.retired = true;
    this.#forget(place);
    this.#stopIfIdle(place);
  }

  #stopIfIdle(place: PooledHost): void {
    if (place.idle) void place.host?.stop();
  }

  #gone(place: PooledHost, death: HostDeath): void {
    this.#open.delete(place);
    this.#forget(place);
    if (death.reason !== 'stopped') this.failures.note(place.key, death, place.upMs());
    this.#options.onEvent?.({ kind: 'gone', key: place.key, death });
    this.#fill();
  }

  #forget(place: PooledHost): void {
    if (this.#lendable.get(place.key) === place) this.#lendable.delete(place.key);
  }
}

/** Those that may be stopped, the one that was used longest ago first. */
function longestUnused(places: readonly PooledHost[]): PooledHost[] {
  return places.filter((place) => place.evictable).sort((a, b) => a.usedMs - b.usedMs);
}
