import type { WaitingDelivery } from './stored-delivery.ts';

/** Above any time in milliseconds until the year 5138. */
const CLASS = 1e14;

/**
 * What goes first when the outbox is full, as a score: metrics, whose next value comes soon, before all else; the
 * oldest first. (Dead letters are not in it: they go by age and number, and last.)
 */
export function dropOrder({
  destination,
  sinceMs,
}: Pick<WaitingDelivery, 'destination' | 'sinceMs'>): number {
  return (destination.category === 'metric' ? 0 : CLASS) + sinceMs;
}

/** The least score of each class, for whoever looks for the oldest delivery. */
export const dropClasses: readonly number[] = [0, CLASS];

/** The inverse of `dropOrder`. */
export function sinceMsOf(score: number): number {
  return score % CLASS;
}
