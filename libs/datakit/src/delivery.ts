import { InvalidDeliveryError } from './errors.ts';
import { splitLines } from './line-splitter.ts';

/** How points are written: a line of line protocol each, or (what no line can hold) an object each of a JSON array. */
export type PointForm = 'line-protocol' | 'json';

/** Where points go: what a batch's points have in common. */
export interface Destination {
  /** An origin, as `endpointOf` and `parseEndpoint` give it. */
  readonly endpoint: string;
  readonly category: string;
  /** The query's parameters besides precision, in order. */
  readonly query: readonly (readonly [key: string, value: string])[];
  /** Line protocol where it is absent. */
  readonly form?: PointForm;
}

/** A batch for one destination. */
export interface Delivery extends Destination {
  /** The points' texts as `bodyOf` joins them, each with a nanosecond time. */
  readonly body: Buffer | string;
  readonly points: number;
  /** The same texts apart, where they are at hand. A JSON body can't be taken apart without them. */
  readonly lines?: readonly string[];
}

/** The body that holds the given points, each a text in the given form. */
export function bodyOf(form: PointForm | undefined, points: readonly string[]): string {
  return form === 'json' ? `[${points.join(',')}]` : points.join('\n');
}

/** What `bodyOf` puts around the points, in bytes; between two of them it puts one byte. */
export function frameBytesOf(form: PointForm | undefined): number {
  return form === 'json' ? 2 : 0;
}

/** The route that a delivery takes, without its query: DataKit limits and refuses by route. */
export function routeOf({ endpoint, category }: Pick<Destination, 'endpoint' | 'category'>): string {
  if (!/^[a-z][a-z_]*$/.test(category)) {
    throw new InvalidDeliveryError(`${JSON.stringify(category)} is not a category of DataKit`);
  }
  return `${endpoint}/v1/write/${category}`;
}

/**
 * The path and query of a delivery. Precision comes first and is always nanoseconds; then the script's own
 * parameters in the order of the original's client.
 */
export function pathOf({ category, query }: Destination, extra: Destination['query'] = []): string {
  const parameters = [['precision', 'n'] as const, ...query, ...extra];
  const escaped = parameters.map(([key, value]) => `${encodeURIComponent(key)}=${encodeURIComponent(value)}`);
  return `/v1/write/${category}?${escaped.join('&')}`;
}

/** The lines of a delivery, or null when they can't be told apart (their number is not that of the points). */
export function linesOf({ form, lines, body, points }: Delivery): readonly string[] | null {
  if (!lines && form === 'json') return null;
  const found = lines ?? splitLines(body.toString(), points);
  return found.length === points ? found : null;
}
