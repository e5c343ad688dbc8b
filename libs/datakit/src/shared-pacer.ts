import { type Clock, systemClock } from './clock.ts';
import { createPacer, DEFAULT_PER_SECOND, type Pacer } from './pacer.ts';
import type { RateSource } from './rate-source.ts';
import { SharedLane } from './shared-lane.ts';

export interface SharedPacerOptions {
  readonly source: RateSource;
  /** Where requests are paced while the source is away. Default: a pacer of this process's own. */
  readonly fallback?: Pacer;
  readonly clock?: Clock;
  readonly random?: () => number;
}

const SWEEP_ABOVE = 256;
const MAX_LEASE = DEFAULT_PER_SECOND / 10;

/** A pacer whose rates are those of all processes that ask the same source. */
export function createSharedPacer(options: SharedPacerOptions): Pacer {
  const { source, clock = systemClock, random = Math.random } = options;
  const fallback = options.fallback ?? createPacer({ clock, random });
  const lanes = new Map<string, SharedLane>();
  const laneOf = (key: string): SharedLane => {
    const known = lanes.get(key);
    if (known) return known;
    if (lanes.size >= SWEEP_ABOVE) {
      for (const [idle, lane] of lanes) if (lane.forgettable) lanes.delete(idle);
    }
    const lane = new SharedLane({ key, source, fallback, maxLease: MAX_LEASE, clock, random });
    lanes.set(key, lane);
    return lane;
  };
  return {
    take: (key, signal, patienceMs) => laneOf(key).take(signal, patienceMs),
    throttled: (key, afterMs) => laneOf(key).slowDown(afterMs),
  };
}
