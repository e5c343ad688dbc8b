import { placeOf, type ResidentPlan } from '@pythond/jobs';
import { fullJitter, pause, Recurring } from '@pythond/lifecycle';
import type { Fleet, ResidentNews, Residents, WantedResident } from '@pythond/registry';
import { type ResidentEndReason, ResidentLife, type ResidentLifeDeps } from './resident-life.ts';

export interface ResidentHolderDeps extends ResidentLifeDeps {
  readonly host: string;
  readonly pools: readonly string[];
  /** Residents at once. */
  readonly maxResidents: number;
  readonly residents: Residents;
  readonly fleet: Pick<Fleet, 'workers'>;
  /** Whether it may take any now; what it holds, it keeps. */
  readonly mayTake: () => boolean;
  /** Whether its `cmd` does not start here and may elsewhere. */
  readonly isLeftToOthers: (place: string, plan: ResidentPlan) => Promise<boolean>;
  readonly onError: (error: unknown) => void;
}

interface Held {
  /** A pool, or `pool@host`. */
  readonly place: string;
  readonly life: ResidentLife;
  /** Resolves when it is over and given back. */
  readonly over: Promise<void>;
}

const SEEK_EVERY_MS = 1_000;
const LOOK_EVERY_MS = 1_000;
const SHARE_EVERY_MS = 5_000;
/** What nobody took for so long is taken by a worker that has its share already. */
const PATIENCE_MS = 5_000;
/** Between the end of a process that crashed and the next: at least the first, up to the sum of the first and the last. */
const LEAST_PAUSE_MS = 500;
const BASE_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;
/** A process that was up for so long has shown that it can: its crash counts as a first one. */
const PROVEN_MS = 60_000;

/**
 * Holds residents: takes those that nobody holds, up to this worker's share of its pools and of its host, keeps each up, and gives it
 * back when its process is gone.
 *
 * It is *seeking* from start() to stop(). A resident is *held* from its claim to its release: its place in Redis is
 * renewed every second, which also tells what has become of its plan. After a crash nobody takes it for a while that
 * grows with every crash in a row, whichever worker it was on.
 */
export class ResidentHolder {
  readonly #deps: ResidentHolderDeps;
  readonly #held = new Map<string, Held>();
  readonly #seeking: Recurring;
  #workersOf: ReadonlyMap<string, number> = new Map();
  #countedMs = Number.NEGATIVE_INFINITY;
  #stopping = false;

  constructor(deps: ResidentHolderDeps) {
    this.#deps = deps;
    this.#seeking = new Recurring(() => this.#seek(), SEEK_EVERY_MS, deps.onError);
  }

  get size(): number {
    return this.#held.size;
  }

  start(): void {
    this.#seeking.start();
  }

  /** Hands all of them over at once. What can't be delivered or written by `drainMs` is left to the worker's end. */
  async stop(drainMs: number): Promise<void> {
    this.#stopping = true;
    for (const { life } of this.#held.values()) life.end('stopping');
    const drained = new AbortController();
    void this.#drain().then(() => drained.abort());
    await pause(drainMs, drained.signal);
  }

  async #drain(): Promise<void> {
    await this.#seeking.stop();
    await Promise.all([...this.#held.values()].map(({ over }) => over));
  }

  async #seek(): Promise<void> {
    if (!this.#deps.mayTake()) return;
    await this.#countWorkers();
    const { pools, host } = this.#deps;
    for (const pool of pools) {
      await this.#seekIn(pool);
      await this.#seekIn(placeOf({ pool, host }));
    }
  }

  async #seekIn(place: string): Promise<void> {
    const { residents, maxResidents } = this.#deps;
    const room = maxResidents - this.#held.size;
    if (room <= 0) return;
    const count = await residents.count(place);
    if (count === 0) return;
    const share = Math.ceil(count / Math.max(1, this.#workersOf.get(place) ?? 1));
    const own = [...this.#held.values()].filter((held) => held.place === place).length;
    const fair = Math.min(room, Math.max(0, share - own));
    for (const wanted of await residents.free(place, 0, fair)) await this.#take(wanted);
    if (fair > 0) return;
    for (const wanted of await residents.free(place, PATIENCE_MS, 1)) await this.#take(wanted);
  }

  async #take(wanted: WantedResident): Promise<void> {
    if (this.#stopping || this.#held.has(wanted.id)) return;
    if (await this.#deps.isLeftToOthers(placeOf(wanted.plan), wanted.plan)) return;
    const claim = await this.#deps.residents.claim(wanted, this.#deps.worker);
    if (claim.kind !== 'claimed') return;
    const life = new ResidentLife(wanted, claim.lease, this.#deps);
    const over = this.#hold(wanted, claim.lease, life).finally(() => this.#held.delete(wanted.id));
    this.#held.set(wanted.id, { place: placeOf(wanted.plan), life, over });
    if (this.#stopping) life.end('stopping');
  }

  async #hold(wanted: WantedResident, lease: string, life: ResidentLife): Promise<void> {
    const { residents, onError } = this.#deps;
    const look = async () => {
      const reason = endReasonOf(await residents.keep(wanted, lease));
      if (reason) life.end(reason);
    };
    const looking = new Recurring(look, LOOK_EVERY_MS, onError);
    looking.start();
    try {
      const end = await life.run();
      await looking.stop();
      const backOffMs = end.kind === 'crashed' ? await this.#noteCrash(wanted, end) : 0;
      await residents.release(wanted, lease, backOffMs);
    } catch (error) {
      onError(error); // then its place expires by itself
    } finally {
      await looking.stop();
    }
  }

  async #noteCrash(
    { id }: WantedResident,
    { cause, upMs }: { cause: string; upMs: number },
  ): Promise<number> {
    const inRow = await this.#deps.residents.noteCrash(id, cause, upMs > PROVEN_MS);
    const jitter = { baseMs: BASE_PAUSE_MS, capMs: LONGEST_PAUSE_MS, attempt: inRow, random: Math.random };
    return LEAST_PAUSE_MS + fullJitter(jitter);
  }

  async #countWorkers(): Promise<void> {
    const now = performance.now();
    if (now - this.#countedMs < SHARE_EVERY_MS) return;
    this.#countedMs = now;
    const counts = new Map<string, number>();
    for (const { pools, host } of await this.#deps.fleet.workers()) {
      for (const place of pools.flatMap((pool) => [pool, placeOf({ pool, host })]))
        counts.set(place, (counts.get(place) ?? 0) + 1);
    }
    this.#workersOf = counts;
  }
}

function endReasonOf(news: ResidentNews): ResidentEndReason | null {
  return news === 'unchanged' ? null : news;
}
