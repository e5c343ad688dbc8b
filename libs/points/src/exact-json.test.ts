import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseExactJson, stringifyExact } from './exact-json.ts';
import { ExactJsonError, FloatLiteral } from './exact-json-error.ts';

describe('numbers', () => {
  test('the words that Python writes for what no JSON number can be are numbers', () => {
    expect(parseExactJson('[NaN, Infinity, -Infinity]')).toEqual([Number.NaN, Infinity, -Infinity]);
  });

  test('an integer that is not a safe one keeps its digits', () => {
    const text = '[9007199254740991, 9007199254740992, -9007199254740993, 1700000000123456789]';
    const expected = [9007199254740991, 9007199254740992n, -9007199254740993n, 1700000000123456789n];
    expect(parseExactJson(text)).toEqual(expected);
  });

  test('with all integers as bigints, 1 and 1.0 can be told apart', () => {
    const value = parseExactJson('{"a": [1, 1.0, -0, 1e2]}', { integers: 'all' });
    expect(value).toEqual({ a: [1n, 1, 0n, 100] });
  });

  test('digits within a string are no number, however many', () => {
    const text = '{"id": "123456789012345678901234567890", "say \\"NaN\\"": "\\\\", "n": 1}';
    expect(parseExactJson(text)).toEqual(JSON.parse(text));
  });

  test('a float with many digits is a plain number', () => {
    expect(parseExactJson('[0.30000000000000004, 12345678901234567000.5, 1e400]')).toEqual([
      0.30000000000000004,
      1.2345678901234567e19,
      Infinity,
    ]);
  });

  test('a whole float as a time is kept apart from an integer, and nowhere else', () => {
    const value = parseExactJson('{"time": 1700000000.0, "Time": 1.7e9, "v": 1.0}') as Record<
      string,
      unknown
    >;
    expect(value['time']).toBeInstanceOf(FloatLiteral);
    expect(value['Time']).toBeInstanceOf(FloatLiteral);
    expect(`${value['time']} ${Number(value['time'])} ${JSON.stringify(value['time'])}`).toBe(
      '1700000000.0 1700000000 1700000000',
    );
    expect(value['v']).toBe(1);
    expect(parseExactJson('[{"time": 1700000000, "times": 2.0}]')).toEqual([{ time: 1700000000, times: 2 }]);
  });

  test('an integer of thousands of digits is infinite: nobody takes it, and nobody should wait for it', () => {
    expect(parseExactJson(`[${'9'.repeat(5001)}, -${'9'.repeat(5001)}]`)).toEqual([Infinity, -Infinity]);
  });
});

describe('objects', () => {
  test('a key __proto__ is a key like any other', () => {
    for (const text of ['{"__proto__": {"a": 1}}', '{"__proto__": {"a": 12345678901234567890}}']) {
      const value = parseExactJson(text) as object;
      expect(Object.keys(value)).toEqual(['__proto__']);
      expect((value as { a?: unknown }).a).toBeUndefined();
      expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    }
  });

  test('of a key that occurs twice the last value counts', () => {
    expect(parseExactJson('{"a": 1, "a": 2, "b": 12345678901234567890}')).toEqual({
      a: 2,
      b: 12345678901234567890n,
    });
  });
});

describe('errors', () => {
  test.each([
    ['[1, 2', 'json-syntax', 5],
    ['[1,]', 'json-syntax', 3],
    ['{"a" 1}', 'json-syntax', 5],
    ['{a: 1}', 'json-syntax', 1],
    ['{"a": 1} x', 'json-syntax', 9],
    ['[01]', 'json-syntax', 2],
    ['[+1]', 'json-syntax', 1],
    ['[.5]', 'json-syntax', 1],
    ['[1.]', 'json-syntax', 2],
    ['[1e]', 'json-syntax', 2],
    ['["a]', 'json-syntax', 1],
    ['["\\x"]', 'json-syntax', 1],
    ['["\n"]', 'json-syntax', 2],
    ['\ufeff[]', 'json-syntax', 0],
    ['', 'json-syntax', 0],
    ['[nul]', 'json-syntax', 1],
    ['[-]', 'json-syntax', 1],
  ])('%j is refused with its position', (text, code, position) => {
    const error = catchError(() => parseExactJson(text));
    expect(error).toBeInstanceOf(ExactJsonError);
    expect(error).toMatchObject({ code, position });
    expect((error as Error).message).toContain(`position ${position}`);
  });

  test('nesting has a limit, so that nobody has to recurse without one', () => {
    const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
    expect(parseExactJson(nested(1000))).toBeInstanceOf(Array);
    expect(catchError(() => parseExactJson(nested(1001)))).toMatchObject({
      code: 'json-too-deep',
      position: 1000,
    });
    expect(catchError(() => parseExactJson(nested(1_000_000)))).toMatchObject({ code: 'json-too-deep' });
    expect(catchError(() => parseExactJson('[[1]]', { maxDepth: 1 }))).toMatchObject({
      code: 'json-too-deep',
    });
  });

  test("Python's words are errors where standard JSON is asked for", () => {
    for (const text of ['[NaN]', '[Infinity]', '[-Infinity]']) {
      expect(catchError(() => parseExactJson(text, { constants: false }))).toBeInstanceOf(ExactJsonError);
    }
  });
});

describe('both readers', () => {
  const json = fc.json({ maxDepth: 5 });

  test('whatever JSON.parse reads is read the same, but for the digits of long integers', () => {
    fc.assert(
      fc.property(json, fc.constantFrom('', ' ', '\n\t'), (text, space) => {
        const spaced = space + text + space;
        expect(asNumbers(parseExactJson(spaced))).toEqual(JSON.parse(spaced));
        // A long integer beside it sends the text through the exact reader.
        const [value, long] = parseExactJson(`[${spaced}, 123456789012345678901]`) as unknown[];
        expect(asNumbers(value)).toEqual(JSON.parse(spaced));
        expect(long).toBe(123456789012345678901n);
      }),
    );
  });

  test('any integer comes back with all its digits', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 80n), max: 2n ** 80n }), (integer) => {
        const value = (parseExactJson(`{"time": ${integer}}`) as { time: number | bigint }).time;
        expect(BigInt(value)).toBe(integer);
        expect(typeof value).toBe(Number.isSafeInteger(Number(integer)) ? 'number' : 'bigint');
        expect(parseExactJson(`${integer}`, { integers: 'all' })).toBe(integer);
      }),
    );
  });

  test('no text makes them do anything but return or throw the typed error', () => {
    const part = fc.constantFrom(
      ...'[]{}:,"\\ 0123456789.-+eE\n',
      'NaN',
      'Infinity',
      'true',
      'null',
      '"time"',
      'u00e9',
    );
    const text = fc.array(part, { maxLength: 30 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(text, (one) => {
        const error = catchError(() => parseExactJson(one));
        expect(error === undefined || error instanceof ExactJsonError).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('writing', () => {
  test('bigints keep their digits, and what JSON has not becomes text', () => {
    const value = parseExactJson(
      '{"a": 12345678901234567890, "b": [NaN, -Infinity], "time": 1.0, "s": "é\\n"}',
    );
    expect(stringifyExact(value)).toBe(
      '{"a":12345678901234567890,"b":["NaN","-Infinity"],"time":1.0,"s":"é\\n"}',
    );
  });

  test('it can be indented', () => {
    const value = { a: [1n, {}], b: [], c: { d: null, e: undefined } };
    expect(stringifyExact(value, 2)).toBe(JSON.stringify({ a: [1, {}], b: [], c: { d: null } }, null, 2));
  });

  test('what was written is read back the same', () => {
    const leaf = fc.oneof(
      fc.string(),
      fc.boolean(),
      fc.constant(null),
      fc.bigInt(),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
    );
    const { value } = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 3 },
        leaf,
        fc.array(tie('value')),
        fc.dictionary(fc.string(), tie('value')),
      ),
    }));
    fc.assert(
      fc.property(value, (one) => {
        const text = stringifyExact(one);
        expect(stringifyExact(parseExactJson(text))).toBe(text);
      }),
    );
  });
});

function asNumbers(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (Array.isArray(value)) return value.map(asNumbers);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, asNumbers(member)]));
}

function catchError(run: () => unknown): unknown {
  try {
    run();
    return undefined;
  } catch (error) {
    return error;
  }
}
