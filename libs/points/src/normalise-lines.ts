import type { Category } from './category.ts';
import { checkPoint, needsJson, toJson } from './checked-point.ts';
import { type LinePoint, parseLineProtocol } from './line-protocol.ts';
import type { Normalised, NormalisedPoint, NormaliseWarning, RejectedPoint } from './normalise.ts';
import { draftOf, tagOf } from './point-draft.ts';
import { notesOf } from './point-warnings.ts';
import { RefusedSignal } from './refusal.ts';
import type { TimeSource } from './run-clock.ts';
import { nsToMs } from './time.ts';

export interface NormaliseLinesOptions {
  readonly category: Category;
  /** The query's `precision`, for the times in the lines. */
  readonly precision?: string | undefined;
  /** As in `NormaliseOptions`. */
  readonly tags?: Readonly<Record<string, string>>;
  /** The times of lines that have none, or a negative one. */
  readonly time: TimeSource;
}

/**
 * A body of line protocol that a script posted itself, as what is sent to DataKit. DataKit refuses the whole body for
 * one bad line; here that line alone is rejected. Types stay as they are written.
 */
export function normaliseLines(body: string, options: NormaliseLinesOptions): Normalised {
  const { precision, category, time } = options;
  const { points, failures } = parseLineProtocol(body, { precision, nowNs: 0n });
  const accepted: NormalisedPoint[] = [];
  const warnings: NormaliseWarning[] = [];
  const rejected: RejectedPoint[] = failures.map(({ line, message }) => ({
    index: -1,
    code: 'bad-line',
    reason: message,
    line,
  }));
  for (const [index, point] of points.entries()) {
    try {
      const { line, json, timeMs, notes } = normaliseLine(point, category, options.tags ?? {}, time);
      accepted.push(json === null ? { index, line, timeMs } : { index, line, json, timeMs });
      warnings.push(...notes.map(({ code, message }) => ({ index, code, message })));
    } catch (error) {
      if (!(error instanceof RefusedSignal)) throw error;
      rejected.push({ index, code: error.code, reason: error.message });
    }
  }
  return { accepted, rejected, warnings };
}

function normaliseLine(
  { measurement, tags, fields, timeNs, ownTime }: LinePoint,
  category: Category,
  extraTags: Readonly<Record<string, string>>,
  time: TimeSource,
) {
  const draft = draftOf(measurement, tags, fields);
  const names = new Set(draft.kvs.map(({ key }) => key));
  for (const [key, value] of Object.entries(extraTags))
    if (!names.has(key)) draft.kvs.push(tagOf(key, value));
  const point = checkPoint(draft, category, false);
  const { series, fields: values } = point.encoded;
  const ns = ownTime && timeNs > 0n ? String(timeNs) : time(series);
  const line = `${series} ${values} ${ns}`;
  const json = needsJson(point, line, ns) ? toJson(point, ns) : null;
  return { line, json, timeMs: nsToMs(ns), notes: notesOf(draft, null) };
}
