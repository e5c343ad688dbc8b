import { type Category, ExactJsonError, type Normalised, normalise, parseExactJson } from '@pythond/points';
import { describe, expect, test } from 'vitest';
import { type Decoded, decode } from '../../../apps/datakit-standin/src/decode.ts';
import type { DecodedPoint } from '../../../apps/datakit-standin/src/decoded-point.ts';
import { echo } from '../../../apps/datakit-standin/src/echo.ts';
import { classOf, notSentOnPurpose, plainBody, type Vector, type VectorClass, vectors } from './vectors.ts';

const NOW_NS = '1900000000123456789';

function normaliseBody(vector: Vector): Normalised {
  const query = new URLSearchParams(vector.query);
  return normalise(parseExactJson(plainBody(vector).toString('utf8')), {
    category: vector.category as Category,
    precision: query.get('precision') ?? undefined,
    strict: query.has('strict'),
    time: () => NOW_NS,
  });
}

/** What DataKit's own reading, as the stand-in has it, makes of what we send. */
function stored(vector: Vector, normalised: Normalised): DecodedPoint[] {
  const context = { category: vector.category as Category, precision: 'n', nowNs: 1n };
  const lines = normalised.accepted.filter((point) => point.json === undefined).map((point) => point.line);
  const objects = normalised.accepted.flatMap((point) => point.json ?? []);
  const bodies: [string, 'lines' | 'json'][] = [];
  if (lines.length > 0) bodies.push([lines.join('\n'), 'lines']);
  if (objects.length > 0) bodies.push([`[${objects.join(',')}]`, 'json']);
  return bodies.flatMap(([body, format]) => pointsOf(decode(Buffer.from(body, 'utf8'), format, context)));
}

function pointsOf(decoded: Decoded): readonly DecodedPoint[] {
  if (decoded.kind !== 'points')
    throw new Error(`what we sent would not be stored: ${JSON.stringify(decoded)}`);
  return decoded.points;
}

/** The stored points in the form of the vector's echo, without what is not stored: warnings, empty tags, empty arrays. */
function storedForm(text: string): unknown {
  const plain = text.replaceAll(NOW_NS, '<NOW>');
  if (!plain.startsWith('[{')) return plain.split('\n').filter((line) => line !== '');
  return (parseExactJson(plain) as Record<string, unknown>[]).map(({ warns: _, tags, ...point }) => ({
    ...point,
    ...(Object.keys(tags ?? {}).length === 0 ? {} : { tags }),
    ...(Array.isArray(point['fields']) ? { fields: sortedFields(point['fields']) } : {}),
  }));
}

function sortedFields(fields: Record<string, unknown>[]): unknown[] {
  return fields
    .filter((field) => Object.keys(field).some((key) => 'iufbdsa'.includes(key)))
    .filter((field) => !(field['is_tag'] === true && field['s'] === ''))
    .filter((field) => !isEmptyArray(field['a']))
    .map(({ type: _type, unit: _unit, ...field }) => field)
    .sort((a, b) => (String(a['key']) < String(b['key']) ? -1 : 1));
}

function isEmptyArray(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !('arr' in value);
}

/** An array that DataKit keeps empty: we leave it out, as what it writes upstream of it is no line. */
function withoutEmptyArrays(line: string): string {
  return line.replace(/,v= /, ' ');
}

function expectStoredAsRecorded(vector: Vector): void {
  const normalised = normaliseBody(vector);
  expect(normalised.rejected).toEqual([]);
  const ours = echo(stored(vector, normalised), new URLSearchParams(vector.query)).toString('utf8');
  expect(storedForm(ours)).toEqual(storedForm(withoutEmptyArrays(vector.response)));
}

function expectLinesAsRecorded(vector: Vector): void {
  const query = new URLSearchParams(vector.query);
  const context = {
    category: vector.category as Category,
    precision: query.get('precision') ?? '',
    nowNs: BigInt(NOW_NS),
  };
  const decoded = decode(plainBody(vector), 'lines', context);
  if (decoded.kind !== 'points') {
    expect({ status: 400, ...decoded }).toMatchObject({ status: vector.status, kind: 'refused' });
    const { message } = decoded as { message: string };
    const error = { error_code: (decoded as { code: string }).code, ...(message === '' ? {} : { message }) };
    expect(error).toEqual(JSON.parse(vector.response));
    return;
  }
  if (query.has('strict') && vector.status === 400) {
    expect(vector.response).toContain(decoded.points[0]?.warnings[0]?.message);
    return;
  }
  const answer = echo(decoded.points, query);
  const text = answer.toString('utf8').includes('�')
    ? `b64:${answer.toString('base64')}`
    : answer.toString('utf8');
  if (vector.unstable === true) expect(text.length).toBeGreaterThan(0);
  else expect(storedForm(text)).toEqual(storedForm(vector.response));
}

/** Only the counts are not random. */
function expectSameCounts(vector: Vector): void {
  const normalised = normaliseBody(vector);
  expect(normalised.warnings.map((warning) => warning.code)).toEqual(['cut']);
  const [point] = stored(vector, normalised);
  const [recorded] = JSON.parse(vector.response) as { fields: unknown[] }[];
  expect(point?.kvs.length).toBe(recorded?.fields.length);
}

/** The code for what DataKit says. */
function refusalOf(vector: Vector): string | undefined {
  const codes = {
    'JSONPoint.tags': 'tag-not-text',
    'JSONPoint.time': 'time-not-an-integer',
    'JSONPoint.measurement': 'measurement-not-text',
    'JSONPoint.fields of type float64': 'not-finite',
    // DataKit tries protobuf JSON first and reports only the second attempt.
    'array into Go struct field JSONPoint.fields': vector.id.startsWith('pbjson')
      ? 'bad-protobuf-json'
      : 'fields-not-an-object',
    'JSONPoint.fields': 'fields-not-an-object',
  };
  return Object.entries(codes).find(([part]) => vector.response.includes(part))?.[1];
}

const checks: Readonly<Record<VectorClass, (vector: Vector) => void>> = {
  'another route': (vector) => expect(vector.path).toMatch(/^\/v1\//),
  'a category that DataKit does not take': (vector) => expect([307, 400]).toContain(vector.status),
  'an encoding': (vector) => expect(vector.headers).toHaveProperty('Content-Encoding'),
  'an empty body': (vector) => expect(vector.response).toContain('emptyBody'),
  lines: expectLinesAsRecorded,
  'JSON that is none': (vector) => {
    expect(vector.status).toBe(400);
    // Of what no JSON may hold, Python writes NaN and the infinities: their point is refused alone.
    if (/inf-literal|nan-literal/.test(vector.id)) {
      expect(normaliseBody(vector).rejected).toMatchObject([{ index: 0, code: 'not-finite' }]);
    } else {
      expect(() => parseExactJson(plainBody(vector).toString('utf8'))).toThrow(ExactJsonError);
    }
  },
  'JSON that is no list': (vector) =>
    expect(normaliseBody(vector)).toMatchObject({
      accepted: [],
      rejected: [{ index: -1, code: 'not-an-array' }],
    }),
  'JSON with points that DataKit refuses': (vector) => {
    const { accepted, rejected } = normaliseBody(vector);
    // One bad point refuses DataKit's whole batch; with us it is refused alone.
    const isBatch = vector.id.startsWith('json-batch');
    expect(rejected.map((point) => point.index)).toEqual([isBatch ? 1 : 0]);
    expect(accepted.map((point) => point.index)).toEqual(isBatch ? [0, 2] : []);
    expect(rejected[0]?.code).toBe(refusalOf(vector));
  },
  'JSON that strict refuses': (vector) =>
    expect(normaliseBody(vector)).toMatchObject({ accepted: [], rejected: [{ index: 0, code: 'strict' }] }),
  'JSON with points that are not sent on purpose': (vector) => {
    const { accepted, rejected } = normaliseBody(vector);
    expect(rejected.map((point) => point.code)).toEqual([notSentOnPurpose[vector.id]]);
    if (accepted.length > 0) expect(accepted.map((point) => point.index)).toEqual([0, 2]);
    expect(vector.status).toBe(200);
  },
  'JSON of which DataKit keeps a random part': expectSameCounts,
  'JSON that is stored': expectStoredAsRecorded,
};

describe('each recorded request', () => {
  test.each(vectors.map((vector) => [vector.id, vector] as const))('%s', (_id, vector) => {
    checks[classOf(vector)](vector);
  });
});

test('all 610 vectors are walked, each in one class', () => {
  const counts: Partial<Record<VectorClass, number>> = {};
  for (const vector of vectors) counts[classOf(vector)] = (counts[classOf(vector)] ?? 0) + 1;
  expect(new Set(vectors.map((vector) => vector.id)).size).toBe(610);
  expect(Object.values(counts).reduce((sum, count) => sum + count)).toBe(610);
  expect(counts).toEqual({
    'JSON that is stored': 260,
    'JSON with points that are not sent on purpose': 48,
    'JSON of which DataKit keeps a random part': 2,
    'JSON with points that DataKit refuses': 27,
    'JSON that strict refuses': 11,
    'JSON that is none': 20,
    'JSON that is no list': 4,
    lines: 217,
    'an empty body': 2,
    'an encoding': 6,
    'a category that DataKit does not take': 7,
    'another route': 6,
  });
});

test('every point that is not sent on purpose is one that was recorded', () => {
  const ids = new Set(vectors.map((vector) => vector.id));
  expect(Object.keys(notSentOnPurpose).filter((id) => !ids.has(id))).toEqual([]);
});
