import { describe } from './describe.ts';
import { parseLineProtocol } from './line-protocol.ts';
import { type Normalised, type NormaliseOptions, Normaliser } from './normaliser.ts';

/**
 * Turns one report, as {@link parseExactJson} read it, into what is sent to DataKit, so that what is stored equals what
 * DataKit would have stored of the report's JSON. A point that DataKit would refuse is rejected alone; so are, although
 * DataKit takes them, a point without any field (it would vanish), a measurement that forges lines, and a time that no
 * line can hold.
 */
export function normalise(points: unknown, options: NormaliseOptions): Normalised {
  const normaliser = new Normaliser(options);
  if (Array.isArray(points)) points.forEach((point, index) => normaliser.addReported(index, point));
  else
    normaliser.reject(-1, 'not-an-array', `a report must be a list of points, this is ${describe(points)}`);
  return normaliser.result();
}

/**
 * The same for a body of line protocol that a script posted itself. Numbers keep the types that the lines give them. A
 * line that DataKit would refuse, or drop in silence, is rejected alone; `index` counts the lines without blank ones and
 * comments.
 */
export function normaliseLines(text: string, options: NormaliseOptions): Normalised {
  const normaliser = new Normaliser(options);
  const { points, failures, unreadable } = parseLineProtocol(text, {
    precision: options.precision,
    nowNs: 0n,
  });
  for (const { index, message } of [...failures, ...unreadable])
    normaliser.reject(index, 'bad-line', message);
  for (const point of points) normaliser.addLine(point);
  return normaliser.result();
}
