import { createHash } from 'node:crypto';

const DIGITS = 16;

/**
 * Of a place, what is for those of its workers on which a `cmd` starts: `place+digest`. Workers on which it does not
 * start hand over to it.
 */
export function laneOf(place: string, cmd: string): string {
  return `${place}+${createHash('sha256').update(cmd).digest('hex').slice(0, DIGITS)}`;
}
