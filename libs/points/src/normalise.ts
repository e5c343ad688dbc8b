import { type Category, rulesOf } from './category.ts';
import { checkPoint, needsJson, toJson } from './checked-point.ts';
import { describe } from './describe.ts';
import { type IntegerMode, type JsonPoint, readJsonPoint } from './json-point.ts';
import { OwnTime } from './own-time.ts';
import { PlainEncoder, type ReportedPoint } from './plain-point.ts';
import { tagOf } from './point-draft.ts';
import { fieldUnderTag, type Note, notesOf, stringFieldDropped, type WarningCode } from './point-warnings.ts';
import { type RefusalCode, RefusedSignal } from './refusal.ts';
import type { TimeSource } from './run-clock.ts';
import { nsToMs } from './time.ts';

export interface NormaliseOptions {
  readonly category: Category;
  /** The query's `precision`, for the times that the points bring. */
  readonly precision?: string | undefined;
  /**
   * `float` (default): all numbers are stored as floats, as DataKit does with JSON. `int`: a bigint is stored as an
   * integer, so the points must have been read with `integers: 'all'`.
   */
  readonly integers?: IntegerMode;
  /** The input's own tags, for every point that has neither a tag nor a field of the name. */
  readonly tags?: Readonly<Record<string, string>>;
  /** The query has `strict`: a point that DataKit would change is refused. */
  readonly strict?: boolean;
  /** The times of points that bring none, or one that is not positive. */
  readonly time: TimeSource;
}

/** A point as it is sent. `index` is its place in the report. */
export interface NormalisedPoint {
  readonly index: number;
  /** Its line protocol, without a line feed, its time in nanoseconds: to be sent with `precision=n`. */
  readonly line: string;
  /**
   * Only where a line would not be stored as the report's JSON would have been: then this JSON object goes instead, in a
   * JSON body, also with `precision=n`. That is every RUM point (DataKit adds tags about the sender's place to those
   * that come as lines), and the rare point that has no faithful line.
   */
  readonly json?: string;
  readonly timeMs: number;
}

/** `index` is -1 when the report as a whole is refused. */
export interface RejectedPoint {
  readonly index: number;
  readonly code: RefusalCode;
  readonly reason: string;
  /** The line, when the report was line protocol and this part of it is none. */
  readonly line?: string;
}

export interface NormaliseWarning {
  readonly index: number;
  readonly code: WarningCode;
  readonly message: string;
}

export interface Normalised {
  readonly accepted: readonly NormalisedPoint[];
  readonly rejected: readonly RejectedPoint[];
  readonly warnings: readonly NormaliseWarning[];
}

/**
 * Turns one report, as {@link parseExactJson} read it, into what is sent to DataKit, so that what is stored equals what
 * DataKit would have stored of the report's JSON. A point that DataKit would refuse is rejected alone; so are, although
 * DataKit takes them, a point without any field (it would vanish), a measurement that forges lines, and a time that no
 * line can hold.
 */
export function normalise(points: unknown, options: NormaliseOptions): Normalised {
  const normaliser = new Normaliser(options);
  if (Array.isArray(points)) normaliser.addAll(points);
  else
    normaliser.reject(-1, 'not-an-array', `a report must be a list of points, this is ${describe(points)}`);
  return normaliser;
}

class Normaliser implements Normalised {
  readonly accepted: NormalisedPoint[] = [];
  readonly rejected: RejectedPoint[] = [];
  readonly warnings: NormaliseWarning[] = [];
  readonly #options: NormaliseOptions;
  readonly #extraTags: readonly (readonly [string, string])[];
  readonly #plain: PlainEncoder | null;
  readonly #ownTime: OwnTime;
  #lastNs = '';
  #lastMs = 0;

  constructor(options: NormaliseOptions) {
    this.#options = options;
    this.#extraTags = Object.entries(options.tags ?? {});
    this.#ownTime = new OwnTime(options.precision);
    const isPlain = options.category !== 'rum' && options.strict !== true;
    this.#plain = isPlain
      ? new PlainEncoder(rulesOf(options.category), options.integers ?? 'float', this.#extraTags)
      : null;
  }

  addAll(points: readonly unknown[]): void {
    for (let index = 0; index < points.length; index += 1) {
      const point = points[index];
      if (!this.#addPlain(index, point)) this.#addChecked(index, point);
    }
  }

  reject(index: number, code: RefusalCode, reason: string): void {
    this.rejected.push({ index, code, reason });
  }

  #addPlain(index: number, point: unknown): boolean {
    const plain = this.#plain;
    if (plain === null || typeof point !== 'object' || point === null || Array.isArray(point)) return false;
    const ownNs = this.#ownTime.quick((point as ReportedPoint).time);
    if (ownNs === undefined || !plain.encode(point)) return false;
    const ns = ownNs ?? this.#options.time(plain.series);
    this.accepted.push({ index, line: `${plain.series} ${plain.fields} ${ns}`, timeMs: this.#toMs(ns) });
    if (plain.textFields !== null) this.#note(index, stringFieldDropped(plain.textFields));
    return true;
  }

  #addChecked(index: number, reported: unknown): void {
    try {
      this.#addRead(index, readJsonPoint(reported, this.#options.integers ?? 'float'), reported);
    } catch (error) {
      if (!(error instanceof RefusedSignal)) throw error;
      this.reject(index, error.code, error.message);
    }
  }

  #addRead(index: number, { draft, time, overridden }: JsonPoint, reported: unknown): void {
    const names = new Set(draft.kvs.map((kv) => kv.key));
    for (const [key, value] of this.#extraTags) if (!names.has(key)) draft.kvs.push(tagOf(key, value));
    const ownNs = this.#ownTime.exact(time);
    const point = checkPoint(draft, this.#options.category, this.#options.strict === true);
    const { series, fields } = point.encoded;
    const ns = ownNs ?? this.#options.time(series);
    const line = `${series} ${fields} ${ns}`;
    const timeMs = this.#toMs(ns);
    const asJson = this.#options.category === 'rum' || needsJson(point, line, ns);
    this.accepted.push(asJson ? { index, line, json: toJson(point, ns), timeMs } : { index, line, timeMs });
    for (const note of [...notesOf(draft, reported), ...overridden.map(fieldUnderTag)])
      this.#note(index, note);
  }

  #note(index: number, { code, message }: Note): void {
    this.warnings.push({ index, code, message });
  }

  /** Most points of a report have one time. */
  #toMs(ns: string): number {
    if (ns !== this.#lastNs) {
      this.#lastNs = ns;
      this.#lastMs = nsToMs(ns);
    }
    return this.#lastMs;
  }
}
