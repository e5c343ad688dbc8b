import { byteStrings, type Category, type FieldValue, type ScalarValue } from '@pythond/points';
import type { DecodedPoint } from './decoded-point.ts';
import { echoLine } from './echo-line.ts';

export type StoredValue = number | bigint | boolean | string | readonly StoredValue[];

/** A point that the stand-in took. Objects have no prototype. */
export interface StoredPoint {
  /** Counts the stored points from 1, over all categories. */
  readonly sequence: number;
  readonly category: Category;
  readonly query: Readonly<Record<string, string>>;
  readonly receivedMs: number;
  readonly measurement: string;
  readonly tags: Readonly<Record<string, string>>;
  /** An integer is a bigint, a float a number; bytes are their base64 text. */
  readonly fields: Readonly<Record<string, StoredValue>>;
  /** Nanoseconds, as digits. */
  readonly time: string;
  readonly line: string;
}

export interface Receipt {
  readonly category: Category;
  readonly query: Readonly<Record<string, string>>;
  readonly receivedMs: number;
}

/** The last points that were stored, at most `maxPoints` of them. */
export class PointLog {
  readonly #maxPoints: number;
  #points: StoredPoint[] = [];
  #sequence = 0;

  constructor(maxPoints: number) {
    this.#maxPoints = maxPoints;
  }

  /** The number that the last stored point got. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Stores the points that have something to store: one without fields vanishes, as it does in DataKit. */
  add(points: readonly DecodedPoint[], receipt: Receipt): StoredPoint[] {
    const stored: StoredPoint[] = [];
    for (const point of points) {
      const line = echoLine(point);
      if (line === '') continue;
      this.#sequence += 1;
      stored.push({
        sequence: this.#sequence,
        ...receipt,
        ...storedForm(point),
        line: byteStrings.show(line),
      });
    }
    for (const point of stored) this.#points.push(point);
    // Not at every request: moving the whole list is only worth it once in a while.
    if (this.#points.length > this.#maxPoints * 1.25) this.#points = this.#points.slice(-this.#maxPoints);
    return stored;
  }

  list(
    filter: { readonly category?: string; readonly after?: number; readonly limit?: number } = {},
  ): StoredPoint[] {
    const { category, after = 0, limit = this.#maxPoints } = filter;
    const found = this.#points
      .slice(-this.#maxPoints)
      .filter((point) => point.sequence > after && (category === undefined || point.category === category));
    return found.slice(0, limit);
  }

  clear(): void {
    this.#points = [];
  }
}

function storedForm(point: DecodedPoint): Pick<StoredPoint, 'measurement' | 'tags' | 'fields' | 'time'> {
  const tags: Record<string, string> = Object.create(null);
  const fields: Record<string, StoredValue> = Object.create(null);
  for (const { key, tag, value } of point.kvs) {
    if (value === null) continue;
    const name = byteStrings.show(key);
    if (!tag) fields[name] = storedValue(value);
    else if (value.type === 'string' && value.value !== '') tags[name] = byteStrings.show(value.value);
  }
  return { measurement: byteStrings.show(point.measurement), tags, fields, time: point.timeNs.toString() };
}

function storedValue(value: FieldValue): StoredValue {
  return value.type === 'array' ? value.items.map(storedScalar) : storedScalar(value);
}

function storedScalar(value: ScalarValue): number | bigint | boolean | string {
  return value.type === 'string' ? byteStrings.show(value.value) : value.value;
}
