import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseLineProtocol } from './line-protocol.ts';

const NOW_NS = 1_900_000_000_000_000_000n;
const parse = (text: string, precision = '') => parseLineProtocol(text, { precision, nowNs: NOW_NS });

function fieldsOf(fields: string): unknown {
  const { points, failures } = parse(`m ${fields} 1`);
  expect(failures).toEqual([]);
  return Object.fromEntries(points[0]?.fields ?? []);
}

describe('a line', () => {
  test('has a measurement, tags in order, fields and a time', () => {
    const { points } = parse('cpu,host=b,az=a v=1,ok=t 1700000000');
    expect(points).toMatchObject([
      { index: 0, measurement: 'cpu', timeNs: 1_700_000_000_000_000_000n, ownTime: true },
    ]);
    expect([...(points[0]?.tags ?? [])]).toEqual([
      ['az', 'a'],
      ['host', 'b'],
    ]);
  });

  test('without a time, or with a negative one, it is now', () => {
    expect(parse('m v=1\nm v=1 -5\nm v=1 0').points.map((point) => [point.timeNs, point.ownTime])).toEqual(
      Array(3).fill([NOW_NS, false]),
    );
  });

  test('now is multiplied by the precision like any other time, as DataKit does it', () => {
    expect(parse('m v=1', 's').points[0]?.timeNs).toBe(BigInt.asIntN(64, NOW_NS * 1_000_000_000n));
  });

  test('may have escapes in every part', () => {
    const { points } = parse(String.raw`a\ b\,c,t\ 1\=\,=v\ \,\=x f\ \"\,\==1 1`);
    expect(points).toMatchObject([{ measurement: 'a b,c' }]);
    expect([...(points[0]?.tags ?? [])]).toEqual([['t 1=,', 'v ,=x']]);
    expect([...(points[0]?.fields ?? [])]).toEqual([['f ",=', { type: 'float', value: 1 }]]);
  });

  test('may have a line feed in a text, and none of the comment, the blank line or the space before it counts', () => {
    const { points } = parse('# comment\n\n  m s="a\nb" 1\n \t\nm v=2 1');
    expect(points.map((point) => [point.index, point.line])).toEqual([
      [0, 'm s="a\nb" 1'],
      [1, 'm v=2 1'],
    ]);
  });
});

describe('values', () => {
  test.each([
    ['1', { type: 'float', value: 1 }],
    ['-.5', { type: 'float', value: -0.5 }],
    ['-0', { type: 'float', value: -0 }],
    ['1e+21', { type: 'float', value: 1e21 }],
    ['9007199254740993i', { type: 'int', value: 9007199254740993n }],
    ['-01i', { type: 'int', value: -1n }],
    ['18446744073709551615u', { type: 'uint', value: 2n ** 64n - 1n }],
    ['TRUE', { type: 'bool', value: true }],
    ['f', { type: 'bool', value: false }],
    ['"a\\"b\\\\c\\n,= "', { type: 'string', value: 'a"b\\c\\n,= ' }],
    ['""', { type: 'string', value: '' }],
    ['"aGVsbG8="b', { type: 'bytes', value: 'aGVsbG8=' }],
    [
      '[1,2.5]',
      {
        type: 'array',
        items: [
          { type: 'float', value: 1 },
          { type: 'float', value: 2.5 },
        ],
      },
    ],
    ['[1i]', { type: 'array', items: [{ type: 'int', value: 1n }] }],
    [
      '["a","b,]"]',
      {
        type: 'array',
        items: [
          { type: 'string', value: 'a' },
          { type: 'string', value: 'b,]' },
        ],
      },
    ],
    ['[]', null],
    ['["a,b"]', null],
  ])('%s is read', (text, value) => {
    expect(fieldsOf(`v=${text},w=1`)).toEqual({ v: value, w: { type: 'float', value: 1 } });
  });

  test('a value that looks right and is not loses its point, and no other', () => {
    const { points, failures, unreadable } = parse('m v=1 1\nm v="*"b 1\nm v=["ab,c"] 1\nm v=2 1');
    expect(failures).toEqual([]);
    expect(unreadable.map((line) => line.index)).toEqual([1, 2]);
    expect(points.map((point) => point.index)).toEqual([0, 3]);
  });

  test('of two fields of one name the last counts', () => {
    expect(fieldsOf('v=1,v=2i')).toEqual({ v: { type: 'int', value: 2n } });
  });
});

describe('a wrong line is refused', () => {
  test.each([
    [',t=a v=1', 'missing measurement'],
    ['m', 'missing fields'],
    ['m,t=a', 'missing fields'],
    ['m,t v=1', 'missing tag value'],
    ['m,t= v=1', 'missing tag value'],
    ['m,=a v=1', 'missing tag key'],
    ['m,t=a=b v=1', 'invalid tag format'],
    ['m,t=a,t=b v=1', 'duplicate tags'],
    ['m 1700000000', 'invalid field format'],
    ['m v=1,w', 'invalid field format'],
    ['m =1', 'missing field key'],
    ['m v=1,=2', 'missing field key'],
    ['m v=', 'missing field value'],
    ['m v=,w=1', 'missing field value'],
    ['m v=abc', 'invalid boolean'],
    ['m v=+1', 'invalid boolean'],
    ['m v=NaN', 'invalid number'],
    ['m v=1.5i', 'invalid number'],
    ['m v=-1u', 'invalid number'],
    ['m v=1e309', 'invalid float'],
    ['m v="a', 'unbalanced quotes'],
    ['m v="a"x', "invalid string, got tail char `x'"],
    ['m v=[1', 'missing closing bracket'],
    ['m v=1 x', 'bad timestamp'],
    ['m v=1 1.5', 'bad timestamp'],
    ['m v=1 1 2', 'point is invalid'],
    ['m v=1 9223372036854775807', 'time outside range -9223372036854775806 - 9223372036854775806'],
    ['m v=1 9223372036854775808', 'strconv.ParseInt: parsing "9223372036854775808": value out of range'],
    [`m,t=${'x'.repeat(65_535)} v=1`, 'max key length exceeded: 65539 > 65535'],
  ])('%s', (line, message) => {
    expect(parse(line).failures).toMatchObject([{ line, position: 1, message }]);
  });

  test('with its position: one past the last line that was no comment', () => {
    const { points, failures } = parse('m v=1 1\n# comment\nm v=\nm v=2 1\nm');
    expect(points).toHaveLength(2);
    expect(failures.map(({ index, position }) => [index, position])).toEqual([
      [1, 9],
      [3, 32],
    ]);
  });
});

test('no text makes the parser do anything but return', () => {
  const part = fc.constantFrom(...'m,= "\\[]\n\r\t#1ivetub.-\0', 'm,t=a v=1 1', '="x"', '[1,2]', '世', '🙂');
  const text = fc.array(part, { maxLength: 40 }).map((parts) => parts.join(''));
  fc.assert(
    fc.property(text, (one) => {
      const { points, failures, unreadable } = parse(one);
      const indices = [...points, ...failures, ...unreadable].map((line) => line.index).sort((a, b) => a - b);
      expect(indices).toEqual(indices.map((_, i) => i));
    }),
    { numRuns: 1000 },
  );
});
