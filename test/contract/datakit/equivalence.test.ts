import {
  type Category,
  categories,
  type FieldValue,
  type Normalised,
  normalise,
  parseExactJson,
  stringifyExact,
} from '@pythond/points';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decode } from '../../../apps/datakit-standin/src/decode.ts';
import type { DecodedPoint } from '../../../apps/datakit-standin/src/decoded-point.ts';

// Whatever a script reports: what DataKit would have stored of its JSON is what it stores of what we send. DataKit's
// part is played by the stand-in's reading, which the recorded vectors hold to the real one.

const NOW_NS = 1_900_000_000_123_456_789n;

const char = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...'abz019_') },
  { weight: 5, arbitrary: fc.constantFrom(...'.,= "\\[]#\'b') },
  {
    weight: 1,
    arbitrary: fc.constantFrom('\n', '\r', '\t', '\0', '\x1b', '\x7f', 'é', '世', '🙂', '\ud800', '\udc00'),
  },
);
const text = (maxLength: number) => fc.string({ unit: char, maxLength });
const key = fc.oneof(
  { weight: 5, arbitrary: text(6) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      'status',
      'source',
      'name',
      'class',
      'date',
      'time',
      'host',
      '__proto__',
      'toString',
    ),
  },
  {
    weight: 1,
    arbitrary: fc.nat({ max: 6 }).map((more) => 'k'.repeat(252 + more) + '.\\,世'.repeat(more % 3)),
  },
);
const string = fc.oneof(
  { weight: 8, arbitrary: text(12) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(text(4), fc.nat({ max: 12 }), text(4))
      .map(([a, n, b]) => a + '\\x世'.repeat(340 + n) + b),
  },
);
const number = fc.oneof(
  fc.integer({ min: -10, max: 1000 }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom(-0, 5e-324, 1.7976931348623157e308, 1e21, 1e-7, Number.NaN, Number.POSITIVE_INFINITY),
  fc.bigInt({ min: -(10n ** 25n), max: 10n ** 25n }),
);
const scalar = fc.oneof(number, string, fc.boolean());
const uniform = fc.oneof(
  fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { maxLength: 4 }),
  fc.array(string, { maxLength: 4 }),
  fc.array(fc.boolean(), { maxLength: 4 }),
);
const value = fc.oneof(
  { weight: 8, arbitrary: scalar },
  { weight: 2, arbitrary: uniform },
  {
    weight: 1,
    arbitrary: fc.oneof(
      fc.constant(null),
      fc.array(scalar, { maxLength: 3 }),
      fc.dictionary(key, scalar, { maxKeys: 2 }),
    ),
  },
);
const tag = fc.oneof(
  { weight: 12, arbitrary: string },
  { weight: 1, arbitrary: fc.oneof(fc.constant(null), scalar) },
);
const time = fc.oneof(
  fc.constantFrom(
    null,
    undefined,
    0,
    -1,
    1,
    1_700_000_000,
    9_223_372_036,
    9_223_372_037,
    9_999_999_999,
    10_000_000_000,
  ),
  fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n }),
  fc.bigInt({ min: 1n, max: 2n ** 55n }),
  fc.constantFrom('1700000000', 1.5, 1e300, true),
);
const member = <T>(arbitrary: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 9, arbitrary }, { weight: 1, arbitrary: fc.constantFrom(null, undefined) });
const measurement = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('cpu', 'a b', 'a,b=c') },
  { weight: 2, arbitrary: text(5) },
  { weight: 1, arbitrary: fc.constant('世'.repeat(342)) },
);
const point = fc.record({
  measurement: member(measurement),
  tags: member(fc.dictionary(key, tag, { maxKeys: 4 })),
  fields: member(fc.dictionary(key, value, { minKeys: 1, maxKeys: 5 })),
  time,
});
const oddPoint = fc.oneof(
  { weight: 12, arbitrary: point },
  {
    weight: 1,
    arbitrary: fc.record({ Measurement: fc.constant('m'), FIELDS: fc.dictionary(key, scalar), extra: value }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      name: fc.constant('m'),
      fields: fc.array(fc.record({ key, f: fc.double() }), { maxLength: 3 }),
    }),
  },
  { weight: 1, arbitrary: fc.constantFrom({}, 5, 'x', []) },
);
const precision = fc.constantFrom('', 'n', 'u', 'ms', 's', 'm', 'h', 'us');

/** Python writes NaN and the infinities as words. */
function pythonJson(value: unknown): string {
  return stringifyExact(value)
    .replaceAll('"NaN"', 'NaN')
    .replaceAll(/"(-?Infinity)"/g, '$1');
}

function decodeJson(body: string, category: Category, as: string): readonly DecodedPoint[] | null {
  const decoded = decode(Buffer.from(body), 'json', { category, precision: as, nowNs: NOW_NS });
  return decoded.kind === 'points' ? decoded.points : null;
}

function sent(normalised: Normalised, category: Category): Map<number, DecodedPoint> {
  const context = { category, precision: 'n', nowNs: 1n };
  const asLines = normalised.accepted.filter((one) => one.json === undefined);
  const asJson = normalised.accepted.filter((one) => one.json !== undefined);
  const bodies = [
    { points: asLines, body: asLines.map((one) => one.line).join('\n'), format: 'lines' as const },
    { points: asJson, body: `[${asJson.map((one) => one.json).join(',')}]`, format: 'json' as const },
  ];
  const found = new Map<number, DecodedPoint>();
  for (const { points, body, format } of bodies) {
    if (points.length === 0) continue;
    const decoded = decode(Buffer.from(body), format, context);
    if (decoded.kind !== 'points') throw new Error(`refused: ${JSON.stringify(decoded)}`);
    expect(decoded.points.length).toBe(points.length);
    points.forEach((one, i) => found.set(one.index, decoded.points[i] as DecodedPoint));
  }
  return found;
}

/** What is kept: no empty tags, no keys without a value, no empty arrays; -0 and 0 told apart. */
function storedForm(decoded: DecodedPoint): unknown {
  const kept = decoded.kvs
    .filter(
      ({ tag: isTag, value: one }) => one !== null && !(isTag && one.type === 'string' && one.value === ''),
    )
    .filter(({ value: one }) => !(one?.type === 'array' && one.items.length === 0))
    .map(({ key: name, tag: isTag, value: one }) => `${name}|${isTag}|${show(one)}`);
  return { measurement: decoded.measurement, kept: kept.sort(), time: decoded.timeNs };
}

function show(one: FieldValue | null): string {
  if (one?.type === 'array') return `[${one.items.map(show).join()}]`;
  return `${one?.type}:${one !== null && Object.is(one.value, -0) ? '-0' : one?.value}`;
}

function hasFields(decoded: DecodedPoint): boolean {
  return decoded.kvs.some(
    ({ tag: isTag, value: one }) =>
      !isTag && one !== null && !(one.type === 'array' && one.items.length === 0),
  );
}

/** The reasons for which we refuse what DataKit takes. */
const onPurpose = ['no-fields', 'measurement-unsafe', 'time-out-of-range', 'not-finite'];

test('of any report, what is sent is stored as the report itself would have been, point by point', () => {
  const arbitrary = fc.tuple(
    fc.constantFrom(...categories),
    precision,
    fc.array(oddPoint, { minLength: 1, maxLength: 4 }),
  );
  const check = ([category, as, points]: [Category, string, unknown[]]) => {
    const body = pythonJson(points);
    const normalised = normalise(parseExactJson(body), {
      category,
      precision: as,
      time: () => String(NOW_NS),
    });
    const found = sent(normalised, category);
    const rejected = new Map(normalised.rejected.map((one) => [one.index, one.code]));
    expect(found.size + rejected.size).toBe(points.length);
    points.forEach((one, index) => {
      const original = decodeJson(`[${pythonJson(one)}]`, category, as)?.[0];
      const ours = found.get(index);
      const code = rejected.get(index);
      if (ours !== undefined && original !== undefined)
        expect(storedForm(ours)).toEqual(storedForm(withPositiveTime(original, one, as)));
      else if (original === undefined) expect(ours).toBeUndefined();
      else expect(onPurpose).toContain(code);
      if (code === 'no-fields' && original !== undefined) expect(hasFields(original)).toBe(false);
    });
  };
  fc.assert(fc.property(arbitrary, check), { numRuns: Number(process.env['EQUIVALENCE_RUNS'] ?? 2000) });
});

/** DataKit multiplies the now that it puts in the place of a negative time; we leave it as it is. */
function withPositiveTime(decoded: DecodedPoint, one: unknown, as: string): DecodedPoint {
  const written = (one as { time?: unknown }).time;
  const isNegative = (typeof written === 'number' || typeof written === 'bigint') && written < 0;
  return isNegative && as !== '' ? { ...decoded, timeNs: NOW_NS } : decoded;
}
