import { isStored, tagValue } from './encode-line.ts';
import { type LinePoint, parseLineProtocol } from './line-protocol.ts';
import type { FieldValue, PointDraft } from './point-draft.ts';

const NEXT_LINE = 'next v=1 1';

/**
 * Whether DataKit's parser reads from this line the very point that it was made from, and the line after it whole. Some
 * points have no such line: a field key with a backslash before a comma, an array of texts with a comma in the first.
 */
export function readsBack(line: string, draft: PointDraft, ns: string): boolean {
  const { points, failures } = parseLineProtocol(`${line}\n${NEXT_LINE}`, { nowNs: 1n, precision: 'n' });
  const [point, next] = points;
  if (failures.length > 0 || points.length !== 2 || point === undefined || next === undefined) return false;
  const nextIsWhole = next.measurement === 'next' && next.timeNs === 1n && next.fields.size === 1;
  return nextIsWhole && point.timeNs === BigInt(ns) && isSame(point, draft);
}

function isSame(point: LinePoint, draft: PointDraft): boolean {
  if (point.measurement !== draft.measurement) return false;
  const tags = draft.kvs.filter((kv) => kv.tag && tagValue(kv) !== '');
  const fields = draft.kvs.filter(isStored);
  return (
    tags.length === point.tags.size &&
    fields.length === point.fields.size &&
    tags.every((kv) => point.tags.get(kv.key) === tagValue(kv)) &&
    fields.every((kv) => isSameValue(kv.value, point.fields.get(kv.key)))
  );
}

function isSameValue(a: FieldValue, b: FieldValue | null | undefined): boolean {
  if (b === null || b === undefined || a.type !== b.type) return false;
  if (a.type === 'array' && b.type === 'array') {
    return a.items.length === b.items.length && a.items.every((item, i) => isSameValue(item, b.items[i]));
  }
  return a.type !== 'array' && b.type !== 'array' && Object.is(a.value, b.value);
}
