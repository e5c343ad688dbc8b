import type { StoredPoint } from '@pythond/datakit-standin';

/** One point as a server accepted it, and how often. */
export interface AcceptedPoint {
  readonly point: StoredPoint;
  copies: number;
}

/**
 * Every point that a server accepted, with the number of its copies. It is kept by the test, outside of the server:
 * what was accepted once stays in it over any restart.
 */
export class AcceptedPoints {
  readonly #points = new Map<string, AcceptedPoint>();
  /** All that were accepted, copies included. */
  total = 0;

  add(points: readonly StoredPoint[]): void {
    this.total += points.length;
    for (const point of points) {
      const key = keyOf(point);
      const known = this.#points.get(key);
      if (known) known.copies += 1;
      else this.#points.set(key, { point, copies: 1 });
    }
  }

  /** Different ones: copies that are alike in category, measurement, tags, time and fields count as one. */
  all(category?: string): AcceptedPoint[] {
    const points = [...this.#points.values()];
    return category === undefined ? points : points.filter(({ point }) => point.category === category);
  }
}

function keyOf({ category, measurement, tags, fields, time }: StoredPoint): string {
  const sorted = (record: Readonly<Record<string, unknown>>) =>
    Object.entries(record)
      .map(([name, value]) => [name, typeof value === 'bigint' ? `${value}i` : value])
      .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
  return JSON.stringify([category, measurement, sorted(tags), time, sorted(fields)]);
}
