import { describe, quote } from './describe.ts';
import { FloatLiteral } from './exact-json-error.ts';
import type { JsonPoint } from './json-point.ts';
import type { FieldValue, KeyValue, ScalarValue } from './point-draft.ts';
import { RefusedSignal } from './refusal.ts';
import { MAX_INT64, MAX_UINT64, MIN_INT64 } from './time.ts';

const memberNames: ReadonlySet<string> = new Set(['name', 'fields', 'time', 'warns', 'debugs']);
const fieldNames: ReadonlySet<string> = new Set([
  'key',
  'i',
  'u',
  'f',
  'b',
  'd',
  's',
  'a',
  'is_tag',
  'type',
  'unit',
]);
const ARRAY_TYPE = 'type.googleapis.com/point.Array';
const MAP_TYPE = 'type.googleapis.com/point.Map';

/**
 * A point in protobuf JSON, which DataKit takes beside the simple form and tells from it by its shape (vector
 * pbjson-mixed-with-simple): no other keys than these, and `fields` a list. `[{}]` is one too (json-empty-object). Its
 * numbers are typed, so an `i` stays an integer. Null when the value is none.
 *
 * @throws RefusedSignal where it looks like one and DataKit refuses it, or fails over it and loses the batch
 */
export function readProtobufPoint(point: Record<string, unknown>): JsonPoint | null {
  for (const key of Object.keys(point)) if (!memberNames.has(key)) return null;
  const {
    name = '',
    fields = null,
    time = 0n,
  } = point as { name?: unknown; fields?: unknown; time?: unknown };
  if (fields === null && !(typeof name === 'string' && isInteger(time))) return null;
  if (fields !== null && !Array.isArray(fields)) return null;
  const kvs = (fields ?? []).map(readKeyValue);
  const draft = { measurement: readText(name, 'name'), kvs, warnings: [] };
  const ownTime = readInteger(time, MIN_INT64, MAX_INT64, 'time');
  refuseTypedTags(kvs);
  return { draft, time: ownTime, overridden: [] };
}

function readKeyValue(field: unknown): KeyValue {
  if (typeof field !== 'object' || field === null || Array.isArray(field))
    return refuse(`a field is ${describe(field)}`);
  const kv: KeyValue = { key: '', tag: false, value: null };
  for (const [name, value] of Object.entries(field)) readFieldMember(kv, name, value);
  return kv;
}

/** DataKit reads such a tag, and fails over it once the whole point is read. */
function refuseTypedTags(kvs: readonly KeyValue[]): void {
  const tag = kvs.find((kv) => kv.tag && kv.value?.type !== 'string');
  if (tag === undefined) return;
  throw new RefusedSignal('tag-not-text', `the tag ${quote(tag.key)} must be text (s)`, true);
}

function readFieldMember(kv: KeyValue, name: string, value: unknown): void {
  if (!fieldNames.has(name)) refuse(`a field has the unknown key ${quote(name)}`);
  if (name === 'key') kv.key = readText(value, 'key');
  else if (name === 'is_tag') kv.tag = readBoolean(value);
  else if (name === 'type') kv.metricType = String(value);
  else if (name === 'unit') kv.unit = readText(value, 'unit');
  else kv.value = name === 'a' ? readArray(value) : readScalar(name, value);
}

function readScalar(name: string, value: unknown): ScalarValue {
  switch (name) {
    case 'i':
      return { type: 'int', value: readInteger(value, MIN_INT64, MAX_INT64, 'i') };
    case 'u':
      return { type: 'uint', value: readInteger(value, 0n, MAX_UINT64, 'u') };
    case 'f':
      return { type: 'float', value: readFloat(value) };
    case 'b':
      return { type: 'bool', value: readBoolean(value) };
    case 's':
      return { type: 'string', value: readText(value, 's') };
    case 'd':
      return { type: 'bytes', value: readBase64(value) };
    default:
      return refuse(`a value has the unknown type ${quote(name)}`);
  }
}

/** Null where DataKit reads the array and stores nothing of it: mixed types, an item without a value, a map. */
function readArray(value: unknown): FieldValue | null {
  if (value === null) return null;
  if (typeof value !== 'object') return refuse(`an array is ${describe(value)}`);
  const { '@type': type, arr = [] } = value as { '@type'?: unknown; arr?: unknown };
  if (type === MAP_TYPE) return null;
  if (type !== ARRAY_TYPE) return refuse(`an array has the type ${describe(type)}`);
  if (!Array.isArray(arr)) return refuse(`an array is ${describe(arr)}`);
  const items: ScalarValue[] = [];
  for (const item of arr) {
    const [member] = Object.entries((item ?? {}) as object);
    if (member === undefined) return null;
    items.push(readScalar(member[0], member[1]));
  }
  return items.every((item) => item.type === items[0]?.type) ? { type: 'array', items } : null;
}

/** 64-bit integers may be text, as protobuf JSON writes them. */
function readInteger(value: unknown, min: bigint, max: bigint, name: string): bigint {
  const integer = isInteger(value) ? BigInt(value as string) : null;
  if (integer === null || integer < min || integer > max) return refuse(`${name} is ${describe(value)}`);
  return integer;
}

function isInteger(value: unknown): boolean {
  if (typeof value === 'string') return /^-?\d{1,20}$/.test(value);
  return typeof value === 'bigint' || Number.isSafeInteger(value);
}

/** NaN and the infinities may come as text, and only so. */
function readFloat(value: unknown): number {
  if (value === 'NaN' || value === 'Infinity' || value === '-Infinity') return Number(value);
  const float = typeof value === 'string' && value.trim() === '' ? Number.NaN : Number(value ?? 0);
  const isNumber = typeof value !== 'boolean' && (typeof value !== 'object' || value instanceof FloatLiteral);
  return isNumber && Number.isFinite(float) ? float : refuse(`f is ${describe(value)}`);
}

function readBoolean(value: unknown): boolean {
  return typeof value === 'boolean' ? value : refuse(`a truth value is ${describe(value)}`);
}

function readText(value: unknown, name: string): string {
  return typeof value === 'string' ? value.toWellFormed() : refuse(`${name} is ${describe(value)}`);
}

function readBase64(value: unknown): string {
  const text = readText(value, 'd');
  return Buffer.from(text, 'base64').toString('base64') === text ? text : refuse('d is not base64');
}

function refuse(what: string): never {
  throw new RefusedSignal('bad-protobuf-json', `not a point in protobuf JSON: ${what}`);
}
