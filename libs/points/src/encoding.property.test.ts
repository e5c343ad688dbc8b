import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Category, categories, commonRules, rulesOf } from './category.ts';
import { checkDraft } from './check.ts';
import { parseExactJson } from './exact-json.ts';
import { readJsonPoint } from './json-point.ts';
import { parseLineProtocol } from './line-protocol.ts';
import { normalise } from './normalise.ts';
import type { NormaliseOptions } from './normalised.ts';
import type { FieldValue } from './point-draft.ts';

const NOW = '1900000000123456789';

const unit = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...'abcXYZ019_-/:') },
  { weight: 3, arbitrary: fc.constantFrom(...'., ="\\[]#\n\r\t\0') },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }) },
);
const text = fc.string({ unit, maxLength: 10 });
const name = fc.oneof(
  { weight: 6, arbitrary: text },
  { weight: 1, arbitrary: fc.constantFrom('status', 'source', 'name', 'class', 'date') },
);
const float = fc.double({ noNaN: true, noDefaultInfinity: true });
const value = fc.oneof(
  float,
  fc.integer(),
  fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }),
  text,
  fc.boolean(),
  fc.array(float),
  fc.array(text),
  fc.constant(null),
);
const point = fc.record({
  measurement: fc.oneof(fc.constant('cpu'), text),
  tags: fc.dictionary(name, text, { maxKeys: 4 }),
  fields: fc.dictionary(name, value, { maxKeys: 4 }),
  time: fc.oneof(
    fc.constantFrom(null, 0, 1_700_000_000, 1_700_000_000_123),
    fc.bigInt({ min: 1n, max: 2n ** 62n }),
  ),
});
const options = fc.record({
  category: fc.constantFrom(...categories),
  integers: fc.constantFrom('float' as const, 'int' as const),
  tags: fc.oneof(fc.constant({}), fc.dictionary(name, text, { maxKeys: 2 })),
});

function withTime(partial: Partial<NormaliseOptions> & { category: Category }): NormaliseOptions {
  return { time: () => NOW, ...partial };
}

test('the quick way writes what the checks would have written', () => {
  fc.assert(
    fc.property(fc.array(point, { maxLength: 5 }), options, (points, partial) => {
      const quick = normalise(points, withTime(partial));
      // A member that DataKit ignores takes every point the long way.
      const checked = normalise(
        points.map((one) => ({ ...one, ignored: 1 })),
        withTime(partial),
      );
      expect(checked).toEqual(quick);
    }),
    { numRuns: 10_000 },
  );
});

test('any point that is sent as a line is read back as DataKit would have stored it', () => {
  fc.assert(
    fc.property(point, options, (one, { category, integers }) => {
      const [sent] = normalise([one], withTime({ category, integers })).accepted;
      if (sent === undefined || sent.json !== undefined) return;
      const { points, failures } = parseLineProtocol(`${sent.line}\n${sent.line}`, {
        precision: 'n',
        nowNs: 1n,
      });
      expect(failures).toEqual([]);
      expect(points).toHaveLength(2);
      for (const read of points) {
        const { draft } = readJsonPoint(one, integers);
        checkDraft(draft, commonRules);
        checkDraft(draft, rulesOf(category));
        const tags = draft.kvs
          .filter((kv) => kv.tag && textOf(kv.value) !== '')
          .map((kv) => [kv.key, textOf(kv.value)]);
        const fields = draft.kvs
          .filter((kv) => !kv.tag && isStored(kv.value))
          .map((kv) => [kv.key, kv.value]);
        expect(read.measurement).toBe(draft.measurement);
        expect(new Map(read.tags)).toEqual(new Map(tags as [string, string][]));
        expect(new Map(read.fields)).toEqual(new Map(fields as [string, FieldValue][]));
      }
    }),
    { numRuns: 10_000 },
  );
});

function textOf(value: FieldValue | null): unknown {
  return value?.type === 'string' ? value.value : undefined;
}

function isStored(value: FieldValue | null): boolean {
  return value !== null && !(value.type === 'array' && value.items.length === 0);
}

test('a point that travels as JSON is taken as it is', () => {
  fc.assert(
    fc.property(point, options, (one, partial) => {
      const [sent] = normalise([one], withTime(partial)).accepted;
      if (sent?.json === undefined) return;
      const again = normalise(
        [parseExactJson(sent.json)],
        withTime({ ...partial, precision: 'n', integers: 'float' }),
      );
      expect(again.rejected).toEqual([]);
      // JavaScript moves a key that came to look like an integer to the front.
      expect(lettersOf(again.accepted[0]?.line)).toBe(lettersOf(sent.line));
    }),
  );
});

function lettersOf(line: string | undefined): string {
  return [...(line ?? '')].sort().join('');
}
