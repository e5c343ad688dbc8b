import type { Destination } from '@pythond/datakit';
import type { DeadLetter, Origin } from '@pythond/jobs';
import type { NormalisedPoint } from '@pythond/points';

/** Where points of a run went. All of them together are what was given. */
export interface PointCounts {
  readonly delivered: number;
  readonly queued: number;
  readonly dead: number;
}

/** Which run points come from. */
export type RunOrigin = Omit<Origin, 'points'>;

/** The way out of a worker for what a run reported. Both resolve only when the points are safe. */
export interface Outlet {
  /** Sends points on: accepted by DataKit, else in the deliver queue, else (refused for good) dead letters. */
  deliver(
    destination: Destination,
    points: readonly NormalisedPoint[],
    origin: RunOrigin,
  ): Promise<PointCounts>;
  /** `firstPlace`: the place of the first among the letters of its run. */
  bury(letters: readonly DeadLetter[], firstPlace: number): Promise<void>;
}
