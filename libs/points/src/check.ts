import type { CategoryRules } from './category.ts';
import { checkField, checkTag } from './check-key-value.ts';
import type { KeyValue, PointDraft } from './point-draft.ts';
import { type TextRules, utf8Strings } from './text-rules.ts';

const DEFAULT_MEASUREMENT = '__default';
const MAX_MEASUREMENT_BYTES = 1024;
const MAX_FIELDS = 1024;
const MAX_TAGS = 256;

/**
 * One pass of DataKit's checks, which cut, rename, drop and add in silence. DataKit runs two of them over a JSON point
 * and three over a line (first with the rules common to all categories, then with the category's own), and the second
 * may change what the first one left: a tag value that is cut after a backslash loses the backslash on the next pass.
 */
export function checkDraft(draft: PointDraft, rules: CategoryRules, text: TextRules = utf8Strings): void {
  checkMeasurement(draft, text);
  draft.kvs = keepFirst(draft, false, MAX_FIELDS, 'field');
  draft.kvs = keepFirst(draft, true, MAX_TAGS, 'tag');
  checkKeyValues(draft, rules, text);
  addRequired(draft, rules);
}

function checkMeasurement(draft: PointDraft, text: TextRules): void {
  if (draft.measurement === '') {
    warn(draft, 'invalid_measurement', `empty measurement, use ${DEFAULT_MEASUREMENT}`, '');
    draft.measurement = DEFAULT_MEASUREMENT;
  }
  const bytes = text.byteLength(draft.measurement);
  if (bytes <= MAX_MEASUREMENT_BYTES) return;
  const what = `exceed max measurement length(${MAX_MEASUREMENT_BYTES}), got length ${bytes}, trimmed`;
  warn(draft, 'invalid_measurement', what, '');
  draft.measurement = text.cut(draft.measurement, MAX_MEASUREMENT_BYTES);
}

/** Which ones DataKit drops is random, since it goes through a Go map: here the last ones leave. */
function keepFirst(draft: PointDraft, tag: boolean, max: number, noun: string): KeyValue[] {
  let count = 0;
  for (const kv of draft.kvs) if (kv.tag === tag) count += 1;
  if (count <= max) return draft.kvs;
  const what = `exceed max ${noun} count(${max}), got ${count} ${noun}s, extra ${noun}s deleted`;
  warn(draft, 'exceed_max_fields', what, '');
  let kept = 0;
  return draft.kvs.filter((kv) => kv.tag !== tag || ++kept <= max);
}

/**
 * What is kept moves to the front of the list while the rest of it is still being looked at, as DataKit does it: of
 * three fields of one key (only a protobuf point can have them) that decides which one survives.
 */
function checkKeyValues(draft: PointDraft, rules: CategoryRules, text: TextRules): void {
  const { kvs } = draft;
  const names = new Set(kvs.map((kv) => kv.key));
  const unique = names.size === kvs.length ? names : null;
  let kept = 0;
  for (let i = 0; i < kvs.length; i += 1) {
    const kv = kvs[i];
    if (kv === undefined) continue;
    const context = { draft, kv, rules, text, unique };
    if (kv.tag ? checkTag(context) : checkField(context)) kvs[kept++] = kv;
  }
  kvs.length = kept;
}

function addRequired(draft: PointDraft, rules: CategoryRules): void {
  const required = rules.requiredField;
  if (required === null || draft.kvs.some((kv) => kv.key === required.key)) return;
  const { key, value } = required;
  draft.kvs.push({ key, tag: false, value: { type: 'string', value } });
  warn(draft, 'add_required_kv', `add required key-value "${key}": "${value}"`, key);
}

function warn(draft: PointDraft, type: string, message: string, key: string): void {
  draft.warnings.push({ type, message, key });
}
