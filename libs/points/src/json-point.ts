import { describe, quote } from './describe.ts';
import { FloatLiteral } from './exact-json-error.ts';
import { type IntegerMode, readField } from './json-value.ts';
import { draftOf, type FieldValue, type PointDraft } from './point-draft.ts';
import { readProtobufPoint } from './protobuf-point.ts';
import { RefusedSignal } from './refusal.ts';
import { MAX_INT64, MIN_INT64 } from './time.ts';

export interface JsonPoint {
  readonly draft: PointDraft;
  /** As written; 0n where there is none. */
  readonly time: bigint;
  /** The keys whose field gave way to a tag. */
  readonly overridden: readonly string[];
}

interface Parts {
  measurement: string;
  tags: Map<string, string>;
  fields: Map<string, FieldValue | null>;
  time: bigint;
}

/**
 * Reads one point of a JSON body as DataKit does: first as protobuf JSON (`name` and a list of `fields`), then as
 * `measurement`, `tags`, `fields` and `time`, whose names count whatever their case; every other key is ignored.
 *
 * @throws RefusedSignal where DataKit answers 400
 */
export function readJsonPoint(value: unknown, integers: IntegerMode): JsonPoint {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof FloatLiteral) {
    throw new RefusedSignal('not-an-object', `a point must be an object, this is ${describe(value)}`);
  }
  const protobuf = readProtobufPoint(value as Record<string, unknown>);
  if (protobuf !== null) return protobuf;
  const parts: Parts = { measurement: '', tags: new Map(), fields: new Map(), time: 0n };
  for (const [key, member] of Object.entries(value)) readMember(parts, key, member, integers);
  const { measurement, tags, fields, time } = parts;
  const overridden = [...fields.keys()].filter((key) => tags.has(key));
  return { draft: draftOf(measurement, tags, fields), time, overridden };
}

/** Simple case folding, as Go compares names (the long s included). A null leaves what an earlier key has set. */
const names = /^(?:(measurement)|(tags)|(fields)|(time))$/iu;

function readMember(parts: Parts, key: string, member: unknown, integers: IntegerMode): void {
  const match = names.exec(key);
  if (match === null) refuseConstants(key, member);
  else if (match[1] !== undefined) parts.measurement = readMeasurement(member) ?? parts.measurement;
  else if (match[2] !== undefined) readTags(parts, member);
  else if (match[3] !== undefined) readFields(parts, member, integers);
  else parts.time = readTime(member) ?? parts.time;
}

function readMeasurement(value: unknown): string | null {
  if (value === null) return null;
  if (typeof value === 'string') return value.toWellFormed();
  throw new RefusedSignal('measurement-not-text', `the measurement must be text, it is ${describe(value)}`);
}

function readTags(parts: Parts, value: unknown): void {
  if (value === null) {
    parts.tags.clear();
    return;
  }
  if (!isObject(value)) {
    throw new RefusedSignal('tags-not-an-object', `the tags must be an object, they are ${describe(value)}`);
  }
  for (const [key, tag] of Object.entries(value)) {
    if (tag !== null && typeof tag !== 'string') {
      throw new RefusedSignal('tag-not-text', `the tag ${quote(key)} must be text, it is ${describe(tag)}`);
    }
    parts.tags.set(key.toWellFormed(), tag === null ? '' : tag.toWellFormed());
  }
}

function readFields(parts: Parts, value: unknown, integers: IntegerMode): void {
  if (value === null) {
    parts.fields.clear();
    return;
  }
  if (!isObject(value)) {
    throw new RefusedSignal(
      'fields-not-an-object',
      `the fields must be an object, they are ${describe(value)}`,
    );
  }
  for (const [key, field] of Object.entries(value)) {
    parts.fields.set(key.toWellFormed(), readField(key, field, integers));
  }
}

function readTime(value: unknown): bigint | null {
  if (value === null) return null;
  const time = typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : value;
  if (typeof time !== 'bigint') {
    throw new RefusedSignal('time-not-an-integer', `the time must be an integer, it is ${describe(value)}`);
  }
  if (time < MIN_INT64 || time > MAX_INT64) {
    throw new RefusedSignal('time-out-of-range', `the time ${time} is beyond 64 bits`);
  }
  return time;
}

/** Of a key that is ignored only NaN and Infinity matter: they are no JSON, so DataKit refuses the body. */
function refuseConstants(key: string, value: unknown): void {
  if (typeof value === 'number' && !Number.isFinite(value)) {
    throw new RefusedSignal('not-finite', `the value ${value} of the key ${quote(key)} is no JSON`);
  }
  if (typeof value === 'object' && value !== null) {
    for (const member of Object.values(value)) refuseConstants(key, member);
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof FloatLiteral)
  );
}
