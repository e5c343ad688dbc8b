import type { FieldValue, KeyValue, PointDraft, ScalarValue } from './point-draft.ts';

/** A point as the two parts of its line that come before the time. */
export interface EncodedPoint {
  /** Measurement and tags, tags in order: one series has one text. */
  readonly series: string;
  /** Empty where nothing is left to store. */
  readonly fields: string;
  /** Whether only reading the line back tells if DataKit's parser takes it as it is meant. */
  readonly risky: boolean;
}

/** What may mislead the parser in a key or a measurement, and in a tag's value; most of what has it is fine. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const riskyKey = /[\x00-\x1f\\"[\]]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: likewise
const riskyText = /[\x00-\x1f\\]/;

/** Beyond this a line may be too long for the parser, which takes 65,535 bytes of measurement, tags and field key. */
const SHORT = 8_000;

/** Empty tags, keys without a value and empty arrays have no place in a line. */
export function encodePoint(draft: PointDraft): EncodedPoint {
  const tags = draft.kvs
    .filter((kv) => kv.tag && tagValue(kv) !== '')
    .sort((a, b) => (a.key < b.key ? -1 : 1));
  let series = escapeMeasurement(draft.measurement);
  for (const tag of tags) series += `,${escapeTag(tag.key)}=${escapeTag(tagValue(tag))}`;
  const stored = draft.kvs.filter(isStored);
  const fields = stored.map((kv) => `${escapeFieldKey(kv.key)}=${encodeValue(kv.value)}`).join(',');
  const risky =
    riskyKey.test(draft.measurement) ||
    series.length > SHORT ||
    tags.some((kv) => riskyKey.test(kv.key) || riskyText.test(tagValue(kv))) ||
    stored.some((kv) => riskyKey.test(kv.key) || kv.key.length > SHORT || isRiskyValue(kv.value));
  return { series, fields, risky };
}

/** The type of an array is told by its first item, up to a comma wherever that stands; no bytes at all can't be read. */
function isRiskyValue(value: FieldValue): boolean {
  return value.type === 'array' || (value.type === 'bytes' && value.value === '');
}

export function isStored(kv: KeyValue): kv is KeyValue & { value: FieldValue } {
  return !kv.tag && kv.value !== null && !(kv.value.type === 'array' && kv.value.items.length === 0);
}

export function tagValue(kv: KeyValue): string {
  return kv.value?.type === 'string' ? kv.value.value : '';
}

export function encodeValue(value: FieldValue): string {
  return value.type === 'array' ? `[${value.items.map(encodeScalar).join(',')}]` : encodeScalar(value);
}

function encodeScalar(value: ScalarValue): string {
  switch (value.type) {
    case 'float':
      return encodeFloat(value.value);
    case 'int':
      return `${value.value}i`;
    case 'uint':
      return `${value.value}u`;
    case 'bool':
      return value.value ? 'true' : 'false';
    case 'string':
      return encodeString(value.value);
    case 'bytes':
      return `"${value.value}"b`;
  }
}

/** The shortest digits that read back as this float, with its sign when it is a negative zero. */
export function encodeFloat(value: number): string {
  return value === 0 && Object.is(value, -0) ? '-0' : `${value}`;
}

export function encodeString(text: string): string {
  return text.includes('"') || text.includes('\\') ? `"${text.replace(/["\\]/g, '\\$&')}"` : `"${text}"`;
}

export function escapeMeasurement(text: string): string {
  return text.replace(/[, ]/g, '\\$&');
}

export function escapeTag(text: string): string {
  return text.replace(/[, =]/g, '\\$&');
}

export function escapeFieldKey(text: string): string {
  return text.replace(/[," =]/g, '\\$&');
}
