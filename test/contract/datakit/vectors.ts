import { readFileSync } from 'node:fs';
import { gunzipSync, inflateSync } from 'node:zlib';
import { isCategory } from '@pythond/points';

/** A request and what DataKit 1.84.1 answered. Times near the recording stand as `<NOW>`. */
export interface Vector {
  readonly id: string;
  readonly category: string;
  readonly contentType: string;
  readonly query: string;
  readonly body: string | null;
  readonly bodyB64?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly method?: string;
  readonly path?: string;
  readonly status: number;
  /** `b64:` and base64 where it is not UTF-8. */
  readonly response: string;
  /** Whether the answer had an X-DataKit header: a 200 without it is a batch lost. */
  readonly ackHeader: boolean;
  readonly unstable?: boolean;
}

export const vectors: readonly Vector[] = JSON.parse(
  readFileSync(new URL('./vectors.json', import.meta.url), 'utf8'),
) as Vector[];

export function requestBody(vector: Vector): Buffer | null {
  if (vector.bodyB64 !== undefined) return Buffer.from(vector.bodyB64, 'base64');
  return vector.body === null ? null : Buffer.from(vector.body, 'utf8');
}

/** The body as DataKit reads it, where its encoding is one that the vectors were accepted with. */
export function plainBody(vector: Vector): Buffer {
  const body = requestBody(vector) ?? Buffer.alloc(0);
  const encoding = new URLSearchParams(vector.query).get('encoding') ?? vector.headers?.['Content-Encoding'];
  if (encoding === 'gzip') return gunzipSync(body);
  return encoding === 'deflate' ? inflateSync(body) : body;
}

/** What a vector is about. Each one is of exactly one class. */
export type VectorClass =
  | 'another route'
  | 'a category that DataKit does not take'
  | 'an encoding'
  | 'an empty body'
  | 'lines'
  | 'JSON that is none'
  | 'JSON that is no list'
  | 'JSON with points that DataKit refuses'
  | 'JSON that strict refuses'
  | 'JSON with points that are not sent on purpose'
  | 'JSON of which DataKit keeps a random part'
  | 'JSON that is stored';

/** Accepted by DataKit, refused by us, and why. */
export const notSentOnPurpose: Readonly<Record<string, string>> = {
  // No field is left: DataKit answers 200 and the point vanishes; with its older encoding another point goes out twice.
  'json-metric-val-nan-string': 'no-fields',
  'json-metric-val-nan-string#lp': 'no-fields',
  'json-metric-val-null': 'no-fields',
  'json-metric-val-empty-string': 'no-fields',
  'json-metric-val-empty-string#lp': 'no-fields',
  'json-metric-val-string': 'no-fields',
  'json-metric-val-object-empty': 'no-fields',
  'json-metric-val-object-empty#lp': 'no-fields',
  'json-metric-val-object-nested': 'no-fields',
  'json-metric-val-object-nested#lp': 'no-fields',
  // DataKit keeps the empty array and writes `v=` upstream, which nobody can read.
  'json-metric-val-array-empty': 'no-fields',
  'json-metric-val-array-mixed-num-str': 'no-fields',
  'json-metric-val-array-mixed-num-bool': 'no-fields',
  'json-metric-val-array-mixed-num-bool#lp': 'no-fields',
  'json-metric-val-array-with-null': 'no-fields',
  'json-metric-val-array-with-null#lp': 'no-fields',
  'json-metric-val-array-nested#lp': 'no-fields',
  'json-metric-val-array-of-object': 'no-fields',
  'json-metric-val-array-of-object#lp': 'no-fields',
  'json-metric-only-string-fields': 'no-fields',
  'json-missing-fields': 'no-fields',
  'json-empty-fields': 'no-fields',
  'json-empty-fields#lp': 'no-fields',
  'json-empty-object': 'no-fields',
  'json-empty-object#lp': 'no-fields',
  'json-fieldkey-empty': 'no-fields',
  'json-fieldkey-empty#lp': 'no-fields',
  'json-batch-bad-string-metric': 'no-fields',
  'json-batch-bad-string-metric#lp': 'no-fields',
  'pbjson-no-value': 'no-fields',
  'pbjson-no-value#lp': 'no-fields',
  'pbjson-metric-string': 'no-fields',
  'pbjson-name-only': 'no-fields',
  'pbjson-name-only#lp': 'no-fields',
  // DataKit writes these measurements upstream as they are: a line feed forges a line, a leading # makes a comment of the
  // point, a trailing backslash swallows the comma before the tags.
  'json-measurement-newline#lp': 'measurement-unsafe',
  'json-measurement-hash': 'measurement-unsafe',
  'json-measurement-hash#lp': 'measurement-unsafe',
  'json-measurement-backslash-tail': 'measurement-unsafe',
  'json-measurement-backslash-tail#lp': 'measurement-unsafe',
  // Times that wrapped around below 1970, or the one at the very end: no line can hold them.
  'json-time-s-2286-boundary': 'time-out-of-range',
  'json-time-int64max': 'time-out-of-range',
  'json-time-int64max#lp': 'time-out-of-range',
  'json-precision-s-1700000000123456789': 'time-out-of-range',
  'json-precision-s-1700000000123456789#lp': 'time-out-of-range',
  // Only protobuf JSON can bring a NaN: DataKit keeps it and can't write it as a line.
  'pbjson-float-nan': 'not-finite',
  'pbjson-float-nan#lp': 'not-finite',
  // DataKit fails over these: 200 without its header, the batch lost.
  'pbjson-tag-int': 'tag-not-text',
  'pbjson-tag-int#lp': 'tag-not-text',
};

/** Which of too many tags or fields DataKit keeps goes by the order of a Go map. */
const randomlyCut: ReadonlySet<string> = new Set(['json-tags-257', 'json-fields-1025']);

const notLists: ReadonlySet<string> = new Set([
  'json-single-object-not-array',
  'json-single-object-not-array#lp',
  'json-null-body',
  'json-null-body#lp',
]);

export function classOf(vector: Vector): VectorClass {
  if (vector.path !== undefined) return 'another route';
  if (!isCategory(vector.category)) return 'a category that DataKit does not take';
  if (vector.id.startsWith('enc-') && (vector.status !== 200 || vector.id.includes('zstd')))
    return 'an encoding';
  if (vector.body === '') return 'an empty body';
  if (!/json/.test(vector.contentType)) return 'lines';
  if (vector.id in notSentOnPurpose) return 'JSON with points that are not sent on purpose';
  if (randomlyCut.has(vector.id)) return 'JSON of which DataKit keeps a random part';
  if (vector.status === 200) return 'JSON that is stored';
  if (vector.response.includes('pointGotWarning')) return 'JSON that strict refuses';
  if (notLists.has(vector.id)) return 'JSON that is no list';
  return /cannot unmarshal/.test(vector.response)
    ? 'JSON with points that DataKit refuses'
    : 'JSON that is none';
}
