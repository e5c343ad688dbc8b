import { type Clock, systemClock } from './clock.ts';
import { PacerLane } from './pacer-lane.ts';

/**
 * Keeps the requests of one source address to one route under a rate: in this process here; in all of a machine where
 * `createSharedPacer` lays the same face over what they share.
 */
export interface Pacer {
  /**
   * Waits for the right to send one request, and gives 0 with it; or, as soon as it is known that the wait is longer than
   * `patienceMs` (default: for ever), the wait, without the right. Rejects with the signal's reason, and for nothing else.
   */
  take(key: string, signal: AbortSignal, patienceMs?: number): Promise<number>;
  /** The server said "too many": wait, then go slower. Gives how long until the next request may go. */
  throttled(key: string, afterMs: number | null): Promise<number>;
}

export interface PacerOptions {
  /** No span of one second sees more requests than this. */
  readonly perSecond?: number;
  readonly clock?: Clock;
  readonly random?: () => number;
}

/** DataKit refuses above 100 a second for a client address and a route. */
export const DEFAULT_PER_SECOND = 80;
const SWEEP_ABOVE = 256;

export function createPacer(options: PacerOptions = {}): Pacer {
  const { perSecond = DEFAULT_PER_SECOND, clock = systemClock, random = Math.random } = options;
  const lanes = new Map<string, PacerLane>();
  const laneOf = (key: string): PacerLane => {
    const known = lanes.get(key);
    if (known) return known;
    if (lanes.size >= SWEEP_ABOVE) {
      for (const [idle, lane] of lanes) if (lane.forgettable) lanes.delete(idle);
    }
    const lane = new PacerLane(perSecond, clock, random);
    lanes.set(key, lane);
    return lane;
  };
  return {
    take: (key, signal, patienceMs) => laneOf(key).take(signal, patienceMs),
    throttled: async (key, afterMs) => laneOf(key).throttled(afterMs),
  };
}
