import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrameError } from './errors.ts';
import { parseObject, splitObject } from './json-text.ts';

function split(text: string) {
  const bytes = Buffer.from(text);
  const { rest, from, to } = splitObject(bytes, 'points', 1_000);
  return { rest, points: bytes.subarray(from, to).toString() };
}

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof FrameError) return error.code;
    throw error;
  }
  return 'no error';
}

describe('splitObject', () => {
  it('cuts out any value, wherever it stands', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), fc.jsonValue(), fc.nat(2), (points, a, b, indent) => {
        const text = JSON.stringify({ a, points, b }, null, indent);
        if (Buffer.byteLength(JSON.stringify({ a, b }, null, indent)) > 900) return;
        const cut = split(text);
        expect(JSON.parse(cut.points)).toEqual(JSON.parse(JSON.stringify(points)));
        expect(cut.rest).toEqual({ ...JSON.parse(JSON.stringify({ a, b })), points: null });
      }),
    );
  });

  it('keeps what JSON.parse would lose or refuse', () => {
    const value = `[{"v": NaN, "w": -Infinity, "x": ${'9'.repeat(400)}, "y": -0, "z": 1e309}]`;
    expect(split(`{"report": 0, "points": ${value}, "more": false}`)).toEqual({
      rest: { report: 0, points: null, more: false },
      points: value,
    });
  });

  it('is not misled by quotes, brackets and the key itself within strings', () => {
    const value = String.raw`["\"points\": [", "]}\\", {"points": "{"}]`;
    expect(split(`{"a": "\\"points\\": 1", "points": ${value}}`).points).toBe(value);
  });

  it.each([
    ['{"points": [1], "points": [2]}', 'does-not-fit'],
    [String.raw`{"points": [1], "po\u0069nts": [2]}`, 'does-not-fit'],
    ['{"a": 1}', 'does-not-fit'],
    ['{}', 'does-not-fit'],
    ['[1]', 'not-an-object'],
    ['', 'bad-json'],
    ['{"points": [1', 'bad-json'],
    ['{"points": "abc', 'bad-json'],
    ['{"points": [1]', 'bad-json'],
    ['{"points": [1], }', 'bad-json'],
    ['{"points": [1]} x', 'bad-json'],
    [`{"points": 1, "a": "${'x'.repeat(1_000)}"}`, 'too-long'],
  ])('refuses %s', (text, code) => {
    expect(codeOf(() => split(text))).toBe(code);
  });

  it('follows any depth without recursion', () => {
    const value = '['.repeat(1_000_000) + ']'.repeat(1_000_000);
    expect(split(`{"points": ${value}}`).points).toHaveLength(2_000_000);
  });
});

describe('parseObject', () => {
  it.each([
    ['not UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), 'bad-utf8'],
    ['not JSON', Buffer.from('{"a": NaN}'), 'bad-json'],
    ['no object', Buffer.from('[1]'), 'not-an-object'],
    ['null', Buffer.from('null'), 'not-an-object'],
  ])('refuses what is %s', (_, bytes, code) => {
    expect(codeOf(() => parseObject(bytes))).toBe(code);
  });

  it('refuses a text that would become far more memory than it is', () => {
    expect(codeOf(() => parseObject(Buffer.from(`{"a": [${'{},'.repeat(200_000)}1]}`)))).toBe('does-not-fit');
    expect(parseObject(Buffer.from(`{"a": "${'{},'.repeat(200_000)}"}`))).toHaveProperty('a');
  });

  it('takes __proto__ for a key like any other', () => {
    expect(Object.getPrototypeOf(parseObject(Buffer.from('{"__proto__": {"x": 1}}')))).toBe(Object.prototype);
  });
});
