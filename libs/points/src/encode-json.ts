import { encodeFloat, tagValue } from './encode-line.ts';
import type { FieldValue, KeyValue, PointDraft, ScalarValue } from './point-draft.ts';

/**
 * A point as one object of a JSON body, with its time in nanoseconds: the simple form, or protobuf JSON where a value has
 * a type that the simple form does not keep.
 */
export function encodeJson(draft: PointDraft, ns: string): string {
  return draft.kvs.some((kv) => isTyped(kv.value)) ? encodeProtobuf(draft, ns) : encodeSimple(draft, ns);
}

function isTyped(value: FieldValue | null): boolean {
  if (value === null) return false;
  if (value.type === 'array') return value.items.some(isTyped);
  return value.type === 'int' || value.type === 'uint' || value.type === 'bytes';
}

function encodeSimple(draft: PointDraft, ns: string): string {
  const members = (tag: boolean, write: (kv: KeyValue) => string) =>
    draft.kvs
      .filter((kv) => kv.tag === tag)
      .map((kv) => `${JSON.stringify(kv.key)}:${write(kv)}`)
      .join(',');
  const tags = members(true, (kv) => JSON.stringify(tagValue(kv)));
  const fields = members(false, (kv) => simpleValue(kv.value));
  return `{"measurement":${JSON.stringify(draft.measurement)},"tags":{${tags}},"fields":{${fields}},"time":${ns}}`;
}

/** An empty array goes as a key without a value: DataKit would keep it, and write it upstream as no one can read it. */
function isEmpty(value: FieldValue | null): value is null {
  return value === null || (value.type === 'array' && value.items.length === 0);
}

function simpleValue(value: FieldValue | null): string {
  if (isEmpty(value)) return 'null';
  return value.type === 'array' ? `[${value.items.map(simpleScalar).join(',')}]` : simpleScalar(value);
}

function simpleScalar(value: ScalarValue): string {
  if (value.type === 'float') return encodeFloat(value.value);
  return value.type === 'bool' ? String(value.value) : JSON.stringify(value.value);
}

function encodeProtobuf(draft: PointDraft, ns: string): string {
  const fields = draft.kvs.map((kv) => {
    const value = isEmpty(kv.value) ? '' : `,${protobufValue(kv.value)}`;
    return `{"key":${JSON.stringify(kv.key)}${value}${kv.tag ? ',"is_tag":true' : ''}}`;
  });
  return `{"name":${JSON.stringify(draft.measurement)},"fields":[${fields.join(',')}],"time":"${ns}"}`;
}

function protobufValue(value: FieldValue): string {
  if (value.type !== 'array') return protobufScalar(value);
  const items = value.items.map((item) => `{${protobufScalar(item)}}`).join(',');
  return `"a":{"@type":"type.googleapis.com/point.Array","arr":[${items}]}`;
}

function protobufScalar(value: ScalarValue): string {
  switch (value.type) {
    case 'float':
      return `"f":${encodeFloat(value.value)}`;
    case 'int':
      return `"i":"${value.value}"`;
    case 'uint':
      return `"u":"${value.value}"`;
    case 'bool':
      return `"b":${value.value}`;
    case 'string':
      return `"s":${JSON.stringify(value.value)}`;
    case 'bytes':
      return `"d":"${value.value}"`;
  }
}
