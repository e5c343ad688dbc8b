import { parseLineProtocol } from './line-protocol.ts';
import type { Normalised, NormaliseOptions } from './normalised.ts';
import { Normaliser } from './normaliser.ts';

export type NormaliseLinesOptions = Omit<NormaliseOptions, 'integers'>;

/**
 * Turns a body of line protocol, which a script posted itself, into what is sent to DataKit. Numbers keep the types that
 * the lines give them. DataKit refuses a whole body for one bad line; here that line alone is rejected, and so is one
 * that DataKit would drop without a word. An `index` counts the lines from 0, without blank ones and comments.
 */
export function normaliseLines(body: string, options: NormaliseLinesOptions): Normalised {
  const normaliser = new Normaliser(options);
  const { points, failures, unreadable } = parseLineProtocol(body, {
    precision: options.precision,
    nowNs: 0n,
  });
  for (const { index, line, message } of [...failures, ...unreadable]) {
    normaliser.reject(index, 'bad-line', message, line);
  }
  for (const point of points) normaliser.addLine(point);
  return normaliser.result();
}
