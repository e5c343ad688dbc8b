import { byteStrings, encodePoint, type FieldValue, type KeyValue, type ScalarValue } from '@pythond/points';
import type { DecodedPoint } from './decoded-point.ts';

const MAX_LINE_TIME = 2n ** 63n - 2n;

/** The answer to `echo=lp|json|pbjson`: how each point would be stored. Anything else is answered with nothing. */
export function echo(points: readonly DecodedPoint[], query: URLSearchParams): Buffer {
  switch (wanted(query)) {
    case 'lp':
      return Buffer.from(points.map(echoLine).join('\n'), 'latin1');
    case 'json':
      return Buffer.from(`[${points.map(echoJson).join(',')}]`, 'utf8');
    case 'pbjson':
      return Buffer.from(`[${points.map(echoProtobuf).join(',')}]`, 'utf8');
    default:
      return Buffer.alloc(0);
  }
}

function wanted(query: URLSearchParams): string {
  const form = query.get('echo') ?? '';
  if (form !== '') return form;
  if ((query.get('echo_line_proto') ?? '') !== '') return 'lp';
  return (query.get('echo_json') ?? '') === '' ? '' : 'json';
}

/** Empty for a point that line protocol can't say: without fields, with a NaN, at the end of time. */
export function echoLine(point: DecodedPoint): string {
  const fields = point.kvs.filter((kv) => !kv.tag && kv.value !== null).sort(byKey);
  if (fields.length === 0 || fields.some((kv) => isNotANumber(kv.value))) return '';
  if (point.timeNs > MAX_LINE_TIME || point.timeNs < -MAX_LINE_TIME) return '';
  // Before a comma or a space a backslash counts as an escape that is there already.
  const measurement = point.measurement.replace(/\\([, ])/g, '$1');
  const series = encodePoint({ ...point, measurement, kvs: point.kvs.filter((kv) => kv.tag) }).series;
  const texts = fields.map((kv) => `${escapeKey(kv.key)}=${lineValue(kv.value)}`);
  return `${series} ${texts.join(',')} ${point.timeNs}`;
}

function isNotANumber(value: FieldValue | null): boolean {
  return value?.type === 'float' && Number.isNaN(value.value);
}

function byKey(a: KeyValue, b: KeyValue): number {
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
}

function escapeKey(key: string): string {
  return key.replace(/[," =]/g, '\\$&');
}

/** An empty array leaves nothing behind its equals sign, as recorded; the fleet sends none. */
function lineValue(value: FieldValue | null): string {
  if (value === null || (value.type === 'array' && value.items.length === 0)) return '';
  return value.type === 'array' ? `[${value.items.map(lineScalar).join(',')}]` : lineScalar(value);
}

function lineScalar(value: ScalarValue): string {
  switch (value.type) {
    case 'float':
      return plainDigits(value.value);
    case 'int':
      return `${value.value}i`;
    case 'uint':
      return `${value.value}u`;
    case 'bool':
      return String(value.value);
    case 'string':
      return `"${value.value.replace(/["\\]/g, '\\$&')}"`;
    case 'bytes':
      return `"${value.value}"b`;
  }
}

/** A float without an exponent, however long that gets. */
export function plainDigits(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : `${value > 0 ? '+' : '-'}Inf`;
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(Object.is(value, -0) ? '-0' : String(value)) ?? [];
  const shift = Number(exponent);
  const digits = whole + fraction;
  const point = whole.length + shift;
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  if (point >= digits.length) return sign + digits + '0'.repeat(point - digits.length);
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}

function echoJson(point: DecodedPoint): string {
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

function echoProtobuf(point: DecodedPoint): string {
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
