import { byteStrings, type FieldValue, type KeyValue, type ScalarValue } from '@pythond/points';
import type { DecodedPoint } from './decoded-point.ts';
import { byKey } from './echo-line.ts';

export function echoJson(point: DecodedPoint): string {
  const sorted = [...point.kvs].sort(byKey);
  const tags = sorted.filter((kv) => kv.tag).map((kv) => `${text(kv.key)}:${simpleValue(kv.value)}`);
  const fields = sorted.filter((kv) => !kv.tag && kv.value !== null);
  const members = fields.map((kv) => `${text(kv.key)}:${simpleValue(kv.value)}`);
  const tagsMember = tags.length === 0 ? '' : `"tags":{${tags.join(',')}},`;
  return `{"measurement":${text(point.measurement)},${tagsMember}"fields":{${members.join(',')}},"time":${point.timeNs}}`;
}

function simpleValue(value: FieldValue | null): string {
  if (value === null || (value.type === 'array' && value.items.length === 0)) return 'null';
  return value.type === 'array' ? `[${value.items.map(simpleScalar).join(',')}]` : simpleScalar(value);
}

function simpleScalar(value: ScalarValue): string {
  if (value.type === 'string') return text(value.value);
  if (value.type === 'bytes') return JSON.stringify(value.value);
  return value.type === 'float' ? jsonFloat(value.value) : String(value.value);
}

export function echoProtobuf(point: DecodedPoint): string {
  const members = [`"name":${text(point.measurement)}`];
  if (point.hadKeys || point.kvs.length > 0)
    members.push(`"fields":[${point.kvs.map(protobufField).join(',')}]`);
  if (point.timeNs !== 0n) members.push(`"time":"${point.timeNs}"`);
  if (point.warnings.length > 0) {
    const warns = point.warnings.map(({ type, message }) => JSON.stringify({ type, message }));
    members.push(`"warns":[${warns.join(',')}]`);
  }
  return `{${members.join(',')}}`;
}

function protobufField(kv: KeyValue): string {
  const members = [`"key":${text(kv.key)}`];
  if (kv.value !== null) members.push(protobufValue(kv.value));
  if (kv.tag) members.push('"is_tag":true');
  if (kv.metricType !== undefined) members.push(`"type":${text(kv.metricType)}`);
  if (kv.unit !== undefined) members.push(`"unit":${text(kv.unit)}`);
  return `{${members.join(',')}}`;
}

function protobufValue(value: FieldValue): string {
  if (value.type !== 'array') return protobufScalar(value);
  const items = value.items.map((item) => `{${protobufScalar(item)}}`).join(',');
  const arr = value.items.length === 0 ? '' : `,"arr":[${items}]`;
  return `"a":{"@type":"type.googleapis.com/point.Array"${arr}}`;
}

function protobufScalar(value: ScalarValue): string {
  switch (value.type) {
    case 'float':
      return `"f":${jsonFloat(value.value)}`;
    case 'int':
      return `"i":"${value.value}"`;
    case 'uint':
      return `"u":"${value.value}"`;
    case 'bool':
      return `"b":${value.value}`;
    case 'string':
      return `"s":${text(value.value)}`;
    case 'bytes':
      return `"d":"${value.value}"`;
  }
}

function jsonFloat(value: number): string {
  if (!Number.isFinite(value)) return `"${value}"`;
  return Object.is(value, -0) ? '-0' : String(value);
}

function text(bytes: string): string {
  return JSON.stringify(byteStrings.show(bytes));
}
