import type { Category } from './category.ts';
import type { IntegerMode } from './json-value.ts';
import type { WarningCode } from './point-warnings.ts';
import type { RefusalCode } from './refusal.ts';
import type { TimeSource } from './run-clock.ts';

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
  /** The line as it stood in the report, when that was line protocol. */
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
