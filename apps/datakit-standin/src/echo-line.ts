import { encodePoint, type FieldValue, type KeyValue, type ScalarValue } from '@pythond/points';
import type { DecodedPoint } from './decoded-point.ts';

const MAX_LINE_TIME = 2n ** 63n - 2n;

export function byKey(a: KeyValue, b: KeyValue): number {
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
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
