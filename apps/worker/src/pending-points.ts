import type { DeadLetter } from '@pythond/jobs';
import type { Outlet, PointCounts } from './outlet.ts';

/** A resident that has more points than this on their way waits, as the original's waited for its POST. */
const HOLD_ABOVE = 20_000;
const GO_ON_BELOW = 10_000;

/**
 * An outlet that counts what is on its way: a run ends and takes no new one while its points are not safe, but a resident
 * would go on, and fill the worker's memory while DataKit and Redis are both away.
 *
 * It is *flowing* until too many points are under way, then *holding* until few enough are.
 */
export class PendingPoints implements Outlet {
  readonly #outlet: Outlet;
  readonly #onHold: (hold: boolean) => void;
  #pending = 0;
  #holding = false;

  constructor(outlet: Outlet, onHold: (hold: boolean) => void) {
    this.#outlet = outlet;
    this.#onHold = onHold;
  }

  deliver(...[destination, points, origin]: Parameters<Outlet['deliver']>): Promise<PointCounts> {
    return this.#count(points.length, this.#outlet.deliver(destination, points, origin));
  }

  bury(letters: readonly DeadLetter[], firstPlace: number): Promise<void> {
    const points = letters.reduce((sum, letter) => sum + letter.points, 0);
    return this.#count(points, this.#outlet.bury(letters, firstPlace));
  }

  async #count<T>(points: number, done: Promise<T>): Promise<T> {
    this.#change(points);
    try {
      return await done;
    } finally {
      this.#change(-points);
    }
  }

  #change(points: number): void {
    this.#pending += points;
    const hold = this.#pending > (this.#holding ? GO_ON_BELOW : HOLD_ABOVE);
    if (hold === this.#holding) return;
    this.#holding = hold;
    this.#onHold(hold);
  }
}
