import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { splitLines } from './line-splitter.ts';

const inQuotes = (text: string) => text.replace(/[\\"]/g, '\\$&');
/** No line break and no backslash: those are refused in keys and tags. */
const word = fc.stringMatching(/^[a-z"'é=,]{1,8}$/).map((text) => text.replace(/[,= ]/g, '\\$&'));
const text = fc.string({
  unit: fc.constantFrom('a', '"', '\\', '\n', ' ', ',', '=', '#', 'é'),
  maxLength: 20,
});
const field = fc.oneof(
  fc.tuple(word, text).map(([key, value]) => `${key}="${inQuotes(value)}"`),
  fc.tuple(word, fc.integer()).map(([key, value]) => `${key}=${value}`),
);
const line = fc
  .record({
    measurement: word,
    tags: fc.array(
      fc.tuple(word, word).map(([key, value]) => `${key}=${value}`),
      { maxLength: 3 },
    ),
    fields: fc.array(field, { minLength: 1, maxLength: 4 }),
    time: fc.integer({ min: 1, max: 2 ** 31 }),
  })
  .map(
    ({ measurement, tags, fields, time }) =>
      `${[measurement, ...tags].join(',')} ${fields.join(',')} ${time}`,
  );

describe('splitLines', () => {
  it('finds the lines that were joined, whatever their strings hold', () => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 8 }), fc.boolean(), (lines, told) => {
        expect(splitLines(lines.join('\n'), told ? lines.length : undefined)).toEqual(lines);
      }),
      { numRuns: 10_000 },
    );
  });

  it('leaves a newline in a quoted string where it is', () => {
    expect(splitLines('log msg="one\ntwo",n=1 1\nlog msg="three" 2')).toEqual([
      'log msg="one\ntwo",n=1 1',
      'log msg="three" 2',
    ]);
  });

  it('is not led astray by a quote in a tag, or by an escaped one', () => {
    expect(splitLines('m,t=5" v=1 1\nm,t=6" v=1 2')).toEqual(['m,t=5" v=1 1', 'm,t=6" v=1 2']);
    expect(splitLines('m s="a\\"b\nc" 1\nm v=1 2')).toEqual(['m s="a\\"b\nc" 1', 'm v=1 2']);
    expect(splitLines('m s="a\\\\" 1\nm v=1 2')).toEqual(['m s="a\\\\" 1', 'm v=1 2']);
  });

  it('leaves out empty lines', () => {
    expect(splitLines('\nm v=1 1\n\nm v=2 2\n')).toEqual(['m v=1 1', 'm v=2 2']);
    expect(splitLines('')).toEqual([]);
  });
});
