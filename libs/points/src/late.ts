import type { Category } from './category.ts';
import { parseExactJson } from './exact-json.ts';
import { isLate, nsToMs } from './time.ts';

/** What becomes of metrics that are late. */
export type LatePolicy = 'dead-letter' | 'send';

/** Only of these a wrong time does harm: two points of one series with one time are one point. */
const overwritten: ReadonlySet<string> = new Set<Category>(['metric']);

/** Whether a point must not be sent any more. `timeMs` is its own time, `nowMs` that of DataKit, as near as it is known. */
export function isTooLate(category: string, timeMs: number, nowMs: number, policy: LatePolicy): boolean {
  return policy === 'dead-letter' && overwritten.has(category) && isLate(timeMs, nowMs);
}

/**
 * Which of a delivery's points must not be sent any more, as ascending positions. `points` are their texts as they are
 * sent with `precision=n`: lines that end in a time, or JSON objects with one. A text without a time that can be read is
 * not late: the server is to say what is wrong with it.
 */
export function lateIndexes(
  { category, form }: { readonly category: string; readonly form?: 'line-protocol' | 'json' | undefined },
  points: readonly string[],
  nowMs: number,
  policy: LatePolicy = 'dead-letter',
): number[] {
  if (!overwritten.has(category) || policy === 'send') return [];
  const timeOf = form === 'json' ? timeOfJson : timeOfLine;
  return points.flatMap((point, index) => {
    const timeMs = timeOf(point);
    return timeMs !== null && isLate(timeMs, nowMs) ? [index] : [];
  });
}

/** Why a point is late, for people. */
export function lateReason(timeMs: number): string {
  const at = new Date(timeMs);
  const when = Number.isNaN(at.getTime()) ? `${timeMs} ms` : at.toISOString();
  return `its time, ${when}, is more than 110 minutes ago: DataKit would overwrite it with now (late = "send" sends it all the same)`;
}

function timeOfLine(line: string): number | null {
  const digits = line.slice(line.lastIndexOf(' ') + 1);
  return /^-?\d+$/.test(digits) ? nsToMs(digits) : null;
}

function timeOfJson(text: string): number | null {
  try {
    const point = parseExactJson(text, { integers: 'all' }) as { readonly time?: unknown } | null;
    const time = point?.time;
    return typeof time === 'bigint' || typeof time === 'number' ? nsToMs(String(time)) : null;
  } catch {
    return null;
  }
}
