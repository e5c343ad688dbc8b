/** A single value, typed as DataKit stores it. `bytes` holds base64 text. */
export type ScalarValue =
  | { readonly type: 'float'; readonly value: number }
  | { readonly type: 'int'; readonly value: bigint }
  | { readonly type: 'uint'; readonly value: bigint }
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'bytes'; readonly value: string };

/** A field's value. The items of an array are all of one type. */
export type FieldValue = ScalarValue | { readonly type: 'array'; readonly items: readonly ScalarValue[] };

/**
 * A tag or a field. `value` is null where DataKit keeps the key without a value (null, an object, a mixed array): such
 * a key is never stored, but while the point is checked it still occupies its name.
 */
export interface KeyValue {
  key: string;
  tag: boolean;
  value: FieldValue | null;
  /** Only a protobuf-JSON point has these; line protocol has no place for them. */
  metricType?: string;
  unit?: string;
}

/** What the checks changed or removed. `type` and `message` are DataKit's own words, `key` is the key they are about. */
export interface PointWarning {
  readonly type: string;
  readonly message: string;
  readonly key: string;
}

/** A point on its way through the checks, which change it in place. */
export interface PointDraft {
  measurement: string;
  kvs: KeyValue[];
  warnings: PointWarning[];
}

/**
 * A point of its tags and fields. A tag takes the place of a field of its name (a tag wins over a field), also when the
 * tag is empty.
 */
export function draftOf(
  measurement: string,
  tags: ReadonlyMap<string, string>,
  fields: ReadonlyMap<string, FieldValue | null>,
): PointDraft {
  const kvs: KeyValue[] = [];
  for (const [key, value] of fields) {
    const tag = tags.get(key);
    kvs.push(tag === undefined ? { key, tag: false, value } : tagOf(key, tag));
  }
  for (const [key, value] of tags) if (!fields.has(key)) kvs.push(tagOf(key, value));
  return { measurement, kvs, warnings: [] };
}

export function tagOf(key: string, value: string): KeyValue {
  return { key, tag: true, value: { type: 'string', value } };
}
