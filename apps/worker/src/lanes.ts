import { laneOf } from '@pythond/jobs';
import type { JobWorker } from '@pythond/queue';
import type { WorkerView } from '@pythond/registry';
import { cmdsLackedBy, othersOf } from './starts-elsewhere.ts';

export interface LanesDeps {
  readonly worker: string;
  readonly places: readonly string[];
  /** The `cmd`s that were tried here, and whether they start. */
  readonly found: () => Readonly<Record<string, boolean>>;
  /** Takes what others hand over. */
  readonly open: (place: string, cmd: string) => JobWorker[];
  readonly onError: (error: unknown) => void;
}

/** How long runs may go on after their interpreter was taken away. */
const DRAIN_MS = 20_000;

interface Lane {
  readonly cmd: string;
  readonly workers: readonly JobWorker[];
}

/**
 * What this worker takes because others can't start its `cmd`. A lane is *open* from when one of them says so until the
 * `cmd` does not start here any more, or the worker stops.
 */
export class Lanes {
  readonly #deps: LanesDeps;
  readonly #open = new Map<string, Lane>();
  #stopped = false;

  constructor(deps: LanesDeps) {
    this.#deps = deps;
  }

  /** Those of the lanes that are open. */
  get workers(): JobWorker[] {
    return [...this.#open.values()].flatMap(({ workers }) => workers);
  }

  look(workers: readonly WorkerView[]): void {
    if (this.#stopped) return;
    const { worker: self, places, found, open, onError } = this.#deps;
    const all = found();
    const own = Object.keys(all).filter((cmd) => all[cmd]);
    for (const place of places) {
      for (const cmd of cmdsLackedBy(othersOf(workers, { place, self }), own)) {
        const lane = laneOf(place, cmd);
        if (!this.#open.has(lane)) this.#open.set(lane, { cmd, workers: open(place, cmd) });
      }
    }
    for (const [lane, { cmd, workers: taking }] of this.#open) {
      if (all[cmd] !== false) continue;
      this.#open.delete(lane);
      for (const one of taking) void one.stop(DRAIN_MS).catch(onError);
    }
  }

  async stop(drainMs: number): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.workers.map((one) => one.stop(drainMs)));
  }
}
