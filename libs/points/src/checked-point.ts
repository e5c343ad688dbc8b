import { type Category, commonRules, rulesOf } from './category.ts';
import { checkDraft } from './check.ts';
import { quote } from './describe.ts';
import { encodeJson } from './encode-json.ts';
import { type EncodedPoint, encodePoint, isStored, tagValue } from './encode-line.ts';
import { readsBack } from './line-fidelity.ts';
import type { PointDraft } from './point-draft.ts';
import { RefusedSignal } from './refusal.ts';

export interface CheckedPoint {
  readonly draft: PointDraft;
  readonly encoded: EncodedPoint;
  /** Whether the point has to travel as JSON, whatever its line looks like. */
  readonly jsonOnly: boolean;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
const controls = /[\x00-\x1f\x7f]/;

/**
 * Runs a point through DataKit's checks, adds the input's tags, and refuses what must not be sent.
 *
 * @throws RefusedSignal
 */
export function checkPoint(draft: PointDraft, category: Category, strict: boolean): CheckedPoint {
  refuseUnsafe(draft.measurement);
  const rules = rulesOf(category);
  checkDraft(draft, commonRules);
  checkDraft(draft, rules);
  const [warning] = draft.warnings;
  if (strict && warning !== undefined) {
    throw new RefusedSignal('strict', `strict=true refuses what DataKit would change: ${warning.message}`);
  }
  // It may end in a backslash only now, when it was longer than DataKit keeps.
  refuseUnsafe(draft.measurement);
  refuseNotANumber(draft);
  const encoded = encodePoint(draft);
  if (encoded.fields === '') throw new RefusedSignal('no-fields', explainNoFields(draft));
  // Null, or an empty tag: DataKit leaves it at that, but would fill in the default in a line, which can't say it.
  const required = draft.kvs.find((kv) => kv.key === rules.requiredField?.key);
  const jsonOnly = required !== undefined && !isStored(required) && tagValue(required) === '';
  return { draft, encoded, jsonOnly };
}

/** Whether DataKit's parser would not read this line as the point it was made from. */
export function needsJson(point: CheckedPoint, line: string, ns: string): boolean {
  return point.jsonOnly || (point.encoded.risky && !readsBack(line, point.draft, ns));
}

export function toJson(point: CheckedPoint, ns: string): string {
  return encodeJson(point.draft, ns);
}

/**
 * DataKit takes such a measurement and writes it on unescaped: a line feed forges a line, a leading # makes a comment of
 * the point, a trailing backslash swallows the comma before the tags.
 */
function refuseUnsafe(measurement: string): void {
  const name = `the measurement ${quote(measurement)}`;
  if (controls.test(measurement))
    throw new RefusedSignal('measurement-unsafe', `${name} has a control character`);
  if (measurement.startsWith('#'))
    throw new RefusedSignal('measurement-unsafe', `${name} starts with #, as a comment does`);
  if (measurement.endsWith('\\'))
    throw new RefusedSignal('measurement-unsafe', `${name} ends in a backslash`);
}

function refuseNotANumber(draft: PointDraft): void {
  for (const { key, value } of draft.kvs) {
    const values = value?.type === 'array' ? value.items : [value];
    if (values.some((item) => item?.type === 'float' && !Number.isFinite(item.value))) {
      throw new RefusedSignal('not-finite', `the field ${quote(key)} is NaN, which no stored number can be`);
    }
  }
}

function explainNoFields(draft: PointDraft): string {
  const lost = [...new Set(draft.warnings.map((warning) => warning.key))].filter((key) => key !== '');
  const left = draft.kvs.filter((kv) => !kv.tag && !isStored(kv)).map((kv) => kv.key);
  const keys = [...new Set([...lost, ...left])].map(quote).slice(0, 5).join(', ');
  const why = keys === '' ? '' : `: DataKit stores nothing of ${keys}`;
  return `no field is left to store${why}`;
}
