import { describe, expect, test } from 'vitest';
import { parseExactJson } from './exact-json.ts';
import { normalise } from './normalise.ts';
import type { Normalised, NormaliseOptions } from './normalised.ts';

const NOW = '1700000000123456789';

/** What a script reported, as Python writes it. */
function report(json: string, options: Partial<NormaliseOptions> = {}): Normalised {
  const integers = options.integers === 'int' ? 'all' : 'big';
  return normalise(parseExactJson(json, { integers }), { category: 'metric', time: () => NOW, ...options });
}

/** The one line of a report of one point. */
function line(json: string, options: Partial<NormaliseOptions> = {}): string {
  const { accepted, rejected } = report(`[${json}]`, options);
  expect(rejected).toEqual([]);
  return accepted.map((point) => point.line).join('\n');
}

function refusal(json: string, options: Partial<NormaliseOptions> = {}): unknown {
  const { accepted, rejected } = report(`[${json}]`, options);
  expect(accepted).toEqual([]);
  return rejected[0];
}

const at = (rest: string) => `{"measurement": "m", ${rest}, "time": 1}`;

describe('a plain point', () => {
  test('becomes a line with its tags in order and its time in nanoseconds', () => {
    const point =
      '{"measurement": "disk", "tags": {"host": "a", "dev": "sda"}, "fields": {"used": 1, "pct": 2.5}, "time": 1700000000}';
    expect(line(point)).toBe('disk,dev=sda,host=a used=1,pct=2.5 1700000000000000000');
  });

  test('says its index and its time in milliseconds', () => {
    const { accepted } = report(
      '[{"measurement": "a", "fields": {"f": 1}}, {"measurement": "b", "fields": {"f": 1}}]',
    );
    expect(accepted.map(({ index, timeMs }) => [index, timeMs])).toEqual([
      [0, 1_700_000_000_123],
      [1, 1_700_000_000_123],
    ]);
  });

  test.each([
    ['null', NOW],
    ['0', NOW],
    ['-5', NOW],
    ['1700000000', '1700000000000000000'],
    ['1700000000123', '1700000000123000000'],
    ['1700000000123456', '1700000000123456000'],
    ['1700000000123456789', '1700000000123456789'],
  ])('a time of %s is sent as %s', (time, ns) => {
    expect(line(`{"measurement": "m", "fields": {"f": 1}, "time": ${time}}`)).toBe(`m f=1 ${ns}`);
  });

  test.each([
    ['s', '1700000000', '1700000000000000000'],
    ['ms', '1700000000', '1700000000000000'],
    ['u', '1700000000123456', '1700000000123456000'],
    ['n', '1700000000', '1700000000'],
    ['us', '1700000000', '1700000000'],
    ['m', '28333333', '1699999980000000000'],
    ['h', '472222', '1699999200000000000'],
  ])('with precision=%s a time of %s is sent as %s', (precision, time, ns) => {
    expect(line(`{"measurement": "m", "fields": {"f": 1}, "time": ${time}}`, { precision })).toBe(
      `m f=1 ${ns}`,
    );
  });
});

describe('numbers', () => {
  test('all are floats, as DataKit stores those of JSON', () => {
    const fields =
      '"fields": {"i": 1, "big": 9007199254740993, "f": 1.0, "neg": -0.0, "e": 1e300, "t": 1e-9}';
    expect(line(at(fields))).toBe('m i=1,big=9007199254740992,f=1,neg=-0,e=1e+300,t=1e-9 1000000000');
  });

  test('integers keep their type where the input asks for it', () => {
    const fields = `"fields": {"i": 1, "f": 1.0, "max": ${2n ** 63n - 1n}, "u": ${2n ** 63n}, "o": ${2n ** 64n}}`;
    const integers = { integers: 'int' } as const;
    expect(line(at(fields), integers)).toBe(
      'm i=1i,f=1,max=9223372036854775807i,u=9223372036854775808u,o=18446744073709552000 1000000000',
    );
    expect(line(at('"fields": {"a": [1, 2], "b": [1, 2.5]}'), integers)).toBe(
      'm a=[1i,2i],b=[1,2.5] 1000000000',
    );
  });

  test.each([
    ['"fields": {"v": NaN}', '"v" is NaN'],
    ['"fields": {"ok": 1, "v": Infinity}', '"v" is Infinity'],
    ['"fields": {"v": [1, -Infinity]}', '"v" is -Infinity'],
    [`"fields": {"v": 1${'0'.repeat(400)}}`, '"v" is Infinity'],
    ['"fields": {"f": 1, "v": {"deep": [NaN]}}', '"v" is NaN'],
    ['"fields": {"f": 1}, "note": NaN', 'NaN of the key "note"'],
  ])('%s: a number that can not be stored rejects its point alone', (rest, words) => {
    const { accepted, rejected } = report(`[${at(rest)}, ${at('"fields": {"f": 1}')}]`);
    expect(rejected).toMatchObject([{ index: 0, code: 'not-finite' }]);
    expect(rejected[0]?.reason).toContain(words);
    expect(accepted.map((point) => point.index)).toEqual([1]);
  });
});

describe('what DataKit refuses rejects the point alone, with a reason that names it', () => {
  test.each([
    [
      at('"fields": {"f": 1}, "tags": {"host": 5}'),
      'tag-not-text',
      'the tag "host" must be text, it is the number 5',
    ],
    [at('"fields": {"f": 1}, "tags": {"host": true}'), 'tag-not-text', 'it is true'],
    [at('"fields": {"f": 1}, "tags": ["host"]'), 'tags-not-an-object', 'they are a list'],
    [at('"fields": [1]'), 'fields-not-an-object', 'they are a list'],
    [at('"fields": "f=1"'), 'fields-not-an-object', 'they are the text "f=1"'],
    ['{"measurement": 5, "fields": {"f": 1}}', 'measurement-not-text', 'it is the number 5'],
    ['{"measurement": "m", "fields": {"f": 1}, "time": 1.5}', 'time-not-an-integer', 'it is the number 1.5'],
    [
      '{"measurement": "m", "fields": {"f": 1}, "time": 1700000000.0}',
      'time-not-an-integer',
      'the float 1700000000.0',
    ],
    ['{"measurement": "m", "fields": {"f": 1}, "time": 1.7e18}', 'time-not-an-integer', 'the float 1.7e18'],
    [
      '{"measurement": "m", "fields": {"f": 1}, "time": "1700000000"}',
      'time-not-an-integer',
      'the text "1700000000"',
    ],
    ['{"measurement": "m", "fields": {"f": 1}, "time": true}', 'time-not-an-integer', 'it is true'],
    [
      '{"measurement": "m", "fields": {"f": 1}, "time": 9223372036854775808}',
      'time-out-of-range',
      'beyond 64 bits',
    ],
    ['5', 'not-an-object', 'the number 5'],
    ['null', 'not-an-object', 'null'],
    ['[1]', 'not-an-object', 'a list'],
  ])('%s', (json, code, words) => {
    const { accepted, rejected } = report(`[${at('"fields": {"f": 1}')}, ${json}]`);
    expect(accepted.map((point) => point.index)).toEqual([0]);
    expect(rejected).toMatchObject([{ index: 1, code }]);
    expect(rejected[0]?.reason).toContain(words);
  });

  test.each(['{"measurement": "m", "fields": {"f": 1}}', '5', '"x"', 'null'])(
    '%s is no list of points',
    (json) => {
      expect(report(json)).toMatchObject({ accepted: [], rejected: [{ index: -1, code: 'not-an-array' }] });
    },
  );
});

describe('what DataKit takes and we do not', () => {
  test.each([
    '{}',
    '{"s": "x"}',
    '{"n": null}',
    '{"o": {}}',
    '{"a": []}',
    '{"a": [1, "x"]}',
    '{"": 1}',
    'null',
  ])('a metric with the fields %s has nothing to store', (fields) => {
    expect(refusal(at(`"fields": ${fields}`))).toMatchObject({ code: 'no-fields' });
  });

  test('the reason names the fields that are not stored', () => {
    expect(refusal(at('"fields": {"state": "up"}'))).toMatchObject({
      reason: expect.stringContaining('"state"'),
    });
  });

  test.each(['a\\nb v=1', 'a\\u0000b', 'a\\tb', '#m', 'm\\\\'])(
    'the measurement "%s" would forge a line',
    (name) => {
      const json = `{"measurement": "${name}", "fields": {"f": 1}}`;
      expect(refusal(json)).toMatchObject({ code: 'measurement-unsafe' });
      expect(refusal(json, { category: 'rum' })).toMatchObject({ code: 'measurement-unsafe' });
    },
  );

  test('a time that wraps around is rejected with the precision that made it so', () => {
    const point = '{"measurement": "m", "fields": {"f": 1}, "time": 1700000000123456789}';
    expect(refusal(point, { precision: 's' })).toMatchObject({
      code: 'time-out-of-range',
      reason: 'the time 1700000000123456789 with precision=s is no moment that can be stored',
    });
  });

  test('strict=true rejects every point that DataKit would change', () => {
    const strict = { strict: true, category: 'logging' } as const;
    expect(refusal(at('"fields": {"message": "x"}'), strict)).toMatchObject({ code: 'strict' });
    expect(line(at('"fields": {"message": "x", "status": "ok"}'), strict)).toBe(
      'm message="x",status="ok" 1000000000',
    );
  });
});

describe('categories', () => {
  test('a metric loses its text fields, and says so', () => {
    const { accepted, warnings } = report(`[${at('"fields": {"f1": 123, "f2": 3.4, "f3": "strval"}')}]`);
    expect(accepted.map((point) => point.line)).toEqual(['m f1=123,f2=3.4 1000000000']);
    expect(warnings).toMatchObject([{ index: 0, code: 'string-field-dropped' }]);
    expect(warnings[0]?.message).toContain('"f3"');
  });

  test('a log gets a status, loses source and date, and has no dots in its keys', () => {
    const rest = '"tags": {"t.a": "v", "source": "s"}, "fields": {"f.b": 1.5, "date": 1, "message": "hi"}';
    expect(line(at(rest), { category: 'logging' })).toBe(
      'm,t_a=v f_b=1.5,message="hi",status="info" 1000000000',
    );
    expect(line(at('"tags": {"status": "ok"}, "fields": {"message": "hi"}'), { category: 'logging' })).toBe(
      'm,status=ok message="hi" 1000000000',
    );
  });

  test('an object gets a name, loses class and date, and has no dots in its keys', () => {
    const rest = '"tags": {"class": "c"}, "fields": {"a.b": 1, "date": 1}';
    expect(line(at(rest), { category: 'object' })).toBe('m a_b=1,name="default" 1000000000');
  });

  test('the others keep everything', () => {
    const rest = '"tags": {"t.a": "v"}, "fields": {"date": 1, "source": "s"}';
    for (const category of ['custom_object', 'keyevent', 'network', 'tracing', 'security'] as const) {
      expect(line(at(rest), { category })).toBe('m,t.a=v date=1,source="s" 1000000000');
    }
  });

  test('a RUM point travels as JSON: DataKit adds tags of its own to the ones that come as lines', () => {
    const rest = '"tags": {"t": "a\\nb"}, "fields": {"f": 1, "s": "x"}';
    const { accepted } = report(`[${at(rest)}]`, { category: 'rum' });
    expect(accepted.map(({ json }) => parseExactJson(json ?? ''))).toEqual([
      { measurement: 'm', tags: { t: 'a b' }, fields: { f: 1, s: 'x' }, time: 1_000_000_000 },
    ]);
  });

  test('a RUM point with typed integers travels as protobuf JSON, which keeps the types', () => {
    const { accepted } = report(`[${at('"fields": {"i": 5}')}]`, { category: 'rum', integers: 'int' });
    expect(accepted[0]?.json).toBe('{"name":"m","fields":[{"key":"i","i":"5"}],"time":"1000000000"}');
  });
});

describe('keys and texts', () => {
  test('are escaped where line protocol needs it', () => {
    const rest = '"tags": {"a b": "c=d, e"}, "fields": {"k,\\"=": "say \\"hi\\" \\\\ bye"}';
    const options = { category: 'keyevent' } as const;
    expect(line(`{"measurement": "a b,c=d", ${rest}, "time": 1}`, options)).toBe(
      String.raw`a\ b\,c=d,a\ b=c\=d\,\ e k\,\"\=="say \"hi\" \\ bye" 1000000000`,
    );
  });

  test('lone surrogates become the replacement character, NUL and other controls stay', () => {
    const rest = '"tags": {"t": "\\ud800"}, "fields": {"s": "a\\u0000b\\u001b\\udc00\\n"}';
    expect(line(at(rest), { category: 'keyevent' })).toBe('m,t=� s="a\0b\x1b�\n" 1000000000');
  });

  test('line feeds in keys and tags become spaces, trailing backslashes go, empty tags are absent', () => {
    const rest =
      '"tags": {"a\\nb": "c\\r\\nd", "e": "f\\\\\\\\", "g": "\\\\", "h": "", "i": null}, "fields": {"k\\\\": 1, "l\\nm": 2}';
    expect(line(at(rest))).toBe('m,a\\ b=c\r\\ d,e=f k=1,l\\ m=2 1000000000');
  });

  test('an empty or missing measurement is __default', () => {
    expect(line('{"measurement": "", "fields": {"f": 1}, "time": 1}')).toBe('__default f=1 1000000000');
    expect(line('{"name": "m", "fields": {"f": 1}, "time": 1}')).toBe('__default f=1 1000000000');
  });

  test('a tag wins over a field of its name', () => {
    const { accepted, warnings } = report(`[${at('"tags": {"k": "tag"}, "fields": {"k": 1, "z": 2}')}]`);
    expect(accepted[0]?.line).toBe('m,k=tag z=2 1000000000');
    expect(warnings).toMatchObject([{ code: 'field-dropped' }]);
  });

  test('member names count whatever their case', () => {
    expect(line('{"Measurement": "m", "FIELDS": {"f": 1}, "Time": 1, "tagſ": {"t": "a"}}')).toBe(
      'm,t=a f=1 1000000000',
    );
  });

  test('keys that are names of JavaScript are keys like any other', () => {
    const rest =
      '"tags": {"__proto__": "a", "constructor": "b"}, "fields": {"toString": 1, "hasOwnProperty": 2}';
    expect(line(at(rest))).toBe('m,__proto__=a,constructor=b toString=1,hasOwnProperty=2 1000000000');
  });

  test('what is longer than DataKit keeps is cut', () => {
    const long = (length: number) => 'x'.repeat(length);
    const rest = `"tags": {"${long(257)}": "${long(1025)}"}, "fields": {"${long(300).replace('x', 'y')}": 1}`;
    const { accepted, warnings } = report(`[{"measurement": "${long(1025)}", ${rest}, "time": 1}]`);
    expect(accepted[0]?.line).toBe(`${long(1024)},${long(256)}=${long(1024)} y${long(255)}=1 1000000000`);
    expect(new Set(warnings.map((warning) => warning.code))).toEqual(new Set(['cut', 'measurement-changed']));
  });

  test('more tags and fields than DataKit keeps are left out', () => {
    const members = (count: number, value: string) =>
      Array.from(
        { length: count },
        (_, i) => `"k${value.length}${String(i).padStart(4, '0')}": ${value}`,
      ).join();
    const { accepted, warnings } = report(
      `[${at(`"tags": {${members(300, '"v"')}}, "fields": {${members(1100, '1')}}`)}]`,
    );
    expect(accepted[0]?.line.split('=')).toHaveLength(256 + 1024 + 1);
    expect(warnings.map((warning) => warning.code)).toEqual(['cut', 'cut']);
  });

  test('arrays of one type are kept', () => {
    const rest = '"fields": {"f": [1, 2.5], "b": [true, false], "s": ["a", "b\\"c"]}';
    expect(line(at(rest))).toBe('m f=[1,2.5],b=[true,false],s=["a","b\\"c"] 1000000000');
  });
});

describe('what line protocol can not say travels as JSON', () => {
  test.each([
    ['an array of texts with a comma in the first', at('"fields": {"a": ["x, y", "z"]}')],
    ['a field key with a backslash before a comma', at('"fields": {"a\\\\,b": 1}')],
    ['a field key that begins with a tab', at('"fields": {"\\ta": 1}')],
    ['a field key with an array bracket that is never closed', at('"fields": {"a[": [1, 2]}')],
    [
      'measurement and tags of more than 64 KiB',
      at(
        `"tags": {${Array.from({ length: 80 }, (_, i) => `"t${i}": "${'x'.repeat(1000)}"`)}}, "fields": {"f": 1}`,
      ),
    ],
  ])('%s', (_what, json) => {
    const { accepted, rejected } = report(`[${json}]`);
    expect(rejected).toEqual([]);
    const sent = parseExactJson(accepted[0]?.json ?? 'null') as { fields: object };
    expect(sent.fields).toEqual((parseExactJson(json) as { fields: object }).fields);
  });

  test('a log whose status is null, or an empty tag: in a line DataKit would fill it in', () => {
    for (const rest of [
      '"fields": {"message": "x", "status": null}',
      '"tags": {"status": ""}, "fields": {"message": "x"}',
    ]) {
      const { accepted } = report(`[${at(rest)}]`, { category: 'logging' });
      expect(accepted[0]?.json).toContain('"status":');
    }
  });

  test('ordinary points do not', () => {
    const rest =
      '"tags": {"path": "C:\\\\temp\\\\x", "q": "\\"a\\""}, "fields": {"disk[sda]": 1, "a\\\\b": 2, "s": ["a", "b"]}';
    const { accepted } = report(`[${at(rest)}]`);
    expect(accepted[0]).not.toHaveProperty('json');
  });
});

describe("the input's own tags", () => {
  const tags = { env: 'prod', host: 'own' };

  test('are added where the point has neither a tag nor a field of the name', () => {
    expect(line(at('"fields": {"f": 1}'), { tags })).toBe('m,env=prod,host=own f=1 1000000000');
    expect(line(at('"tags": {"host": "a"}, "fields": {"env": 1, "f": 1}'), { tags })).toBe(
      'm,host=a env=1,f=1 1000000000',
    );
    expect(line(at('"tags": {"host": ""}, "fields": {"f": 1}'), { tags })).toBe('m,env=prod f=1 1000000000');
  });

  test('are checked like any other', () => {
    expect(line(at('"fields": {"f": 1}'), { tags: { 'a b': 'x\ny\\' } })).toBe(
      'm,a\\ b=x\\ y f=1 1000000000',
    );
  });
});

describe('times for points that bring none', () => {
  test('are asked for with measurement and tags, only for points that are sent, in their order', () => {
    const asked: string[] = [];
    const json = `[{"measurement": "a", "tags": {"z": "1", "b": "2"}, "fields": {"f": 1}}, {"measurement": "x", "fields": {}},
      {"measurement": "b c", "fields": {"f": null, "g": 1}}, {"measurement": "own", "fields": {"f": 1}, "time": 5}]`;
    report(json, { time: (series) => String(asked.push(series)) });
    expect(asked).toEqual(['a,b=2,z=1', 'b\\ c']);
  });
});

test('a report of a million points is one answer', () => {
  const point = { measurement: 'm', tags: { t: 'a' }, fields: { f: 1 }, time: 1 };
  const { accepted } = normalise(Array(1_000_000).fill(point), { category: 'metric', time: () => NOW });
  expect(accepted).toHaveLength(1_000_000);
  expect(accepted.at(-1)).toEqual({ index: 999_999, line: 'm,t=a f=1 1000000000', timeMs: 1000 });
});

test('a text of 33 MiB is cut to what DataKit keeps', () => {
  const text = 'x'.repeat(33 * 1024 * 1024);
  const point = { measurement: 'm', fields: { s: text }, time: 1 };
  const { accepted, warnings } = normalise([point], { category: 'keyevent', time: () => NOW });
  expect(accepted[0]?.line.length).toBe('m s="" 1000000000'.length + 32 * 1024 * 1024);
  expect(warnings.map((warning) => warning.code)).toEqual(['cut']);
});
