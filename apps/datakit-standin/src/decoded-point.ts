import {
  byteStrings,
  type Category,
  checkDraft,
  commonRules,
  draftOf,
  type FieldValue,
  type JsonPoint,
  type LinePoint,
  type PointDraft,
  precisionUnit,
  rulesOf,
  toNanoseconds,
} from '@pythond/points';

/**
 * A point as DataKit keeps it after its checks. All texts are byte strings: one char code for one byte, as only so a cut
 * or a text that is not UTF-8 comes out as DataKit's own.
 */
export interface DecodedPoint extends PointDraft {
  timeNs: bigint;
  /** Whether the point has had a tag or field at all: one without differs in its protobuf echo. */
  readonly hadKeys: boolean;
}

export interface DecodeContext {
  readonly category: Category;
  readonly precision: string;
  readonly nowNs: bigint;
}

/** The tags that DataKit adds to RUM points that come as lines, when it knows nothing of the sender's place. */
const placeTags: readonly (readonly [string, string])[] = [
  ['city', 'unknown'],
  ['country', 'unknown'],
  ['ip', ''],
  ['isp', 'unknown'],
  ['province', 'unknown'],
];

/** JSON points pass the common checks when they are read and their category's once the time is known. */
export function decodeJsonPoint(json: JsonPoint, context: DecodeContext): DecodedPoint {
  const draft = toByteStrings(json.draft);
  const hadKeys = draft.kvs.length > 0;
  checkDraft(draft, commonRules, byteStrings);
  checkDraft(draft, rulesOf(context.category), byteStrings);
  // Now takes the place of a negative time before the precision is applied to it, and of no time after.
  const written = json.time < 0n ? context.nowNs : json.time;
  const timeNs = written === 0n ? context.nowNs : toNanoseconds(written, precisionUnit(context.precision));
  return { ...draft, timeNs, hadKeys };
}

/** Lines pass the category's checks twice, and what the common ones warn of is forgotten. */
export function decodeLinePoint(line: LinePoint, context: DecodeContext): DecodedPoint {
  const tags = new Map(line.tags);
  if (context.category === 'rum')
    for (const [key, value] of placeTags) if (!tags.has(key)) tags.set(key, value);
  const fields = new Map<string, FieldValue>();
  for (const [key, value] of line.fields) if (value !== null) fields.set(key, value);
  const draft = draftOf(line.measurement, tags, fields);
  const hadKeys = draft.kvs.length > 0;
  checkDraft(draft, commonRules, byteStrings);
  draft.warnings = [];
  checkDraft(draft, rulesOf(context.category), byteStrings);
  checkDraft(draft, rulesOf(context.category), byteStrings);
  return { ...draft, timeNs: line.timeNs, hadKeys };
}

function toByteStrings(draft: PointDraft): PointDraft {
  const kvs = draft.kvs.map((kv) => ({ ...kv, key: toBytes(kv.key), value: valueToBytes(kv.value) }));
  return { measurement: toBytes(draft.measurement), kvs, warnings: [] };
}

function valueToBytes<V extends FieldValue | null>(value: V): V {
  if (value?.type === 'string') return { ...value, value: toBytes(value.value) };
  if (value?.type === 'array') return { ...value, items: value.items.map(valueToBytes) };
  return value;
}

function toBytes(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}
