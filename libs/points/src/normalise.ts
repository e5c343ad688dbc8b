import { describe } from './describe.ts';
import type { Normalised, NormaliseOptions } from './normalised.ts';
import { Normaliser } from './normaliser.ts';

/**
 * Turns one report, as {@link parseExactJson} read it, into what is sent to DataKit, so that what is stored equals what
 * DataKit would have stored of the report's JSON. A point that DataKit would refuse is rejected alone; so are, although
 * DataKit takes them, a point without any field (it would vanish), a measurement that forges lines, and a time that no
 * line can hold.
 */
export function normalise(points: unknown, options: NormaliseOptions): Normalised {
  const normaliser = new Normaliser(options);
  if (Array.isArray(points)) {
    for (let index = 0; index < points.length; index += 1) normaliser.addReported(index, points[index]);
  } else {
    normaliser.reject(-1, 'not-an-array', `a report must be a list of points, this is ${describe(points)}`);
  }
  return normaliser.result();
}
