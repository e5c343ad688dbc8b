import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseToml } from './parse-toml.ts';
import { outline } from './toml-outline.ts';
import { tokens } from './toml-tokens.ts';

const values = (text: string) =>
  outline(text).entries.map(({ header, path, valueStart, valueEnd }) => [
    [...(header?.path ?? []), ...path].join('.'),
    text.slice(valueStart, valueEnd),
  ]);
const headers = (text: string) =>
  outline(text).headers.map(({ path, array, start }) => [path.join('.'), array, start]);

describe('the outline of TOML text', () => {
  it('tells headers and where they stand', () => {
    expect(headers('a = 1\n[x]\n  [[x . "y z"]] # c\n[ \'q\'.r ]\n')).toEqual([
      ['x', false, 6],
      ['x.y z', true, 12],
      ['q.r', false, 30],
    ]);
  });

  it('tells keys and their values, comments left out', () => {
    expect(
      values('a = 1 # = 2\n[t]\n"b c" = "x # y" # z\nd.e = [1, # ]\n 2]\nf={g="h=i", j={k=[1]}}'),
    ).toEqual([
      ['a', '1'],
      ['t.b c', '"x # y"'],
      ['t.d.e', '[1, # ]\n 2]'],
      ['t.f', '{g="h=i", j={k=[1]}}'],
    ]);
  });

  it('takes no header or key from a string of several lines', () => {
    const text =
      'a = """\n[[inputs.pythond]]\nx = 1\n"""\nb = \'\'\'\n[[y]]\n\'\'\'\nc = """""z"""""\nd = "\\"[[q]]"\n';
    expect(headers(text)).toEqual([]);
    expect(values(text).map(([key]) => key)).toEqual(['a', 'b', 'c', 'd']);
  });

  it('takes an array within an array for no header', () => {
    expect(headers('a = [\n[[1]],\n[2]\n]\n[h]\n')).toEqual([['h', false, 19]]);
  });

  it('tells under which keys a reference stands, in inline tables too', () => {
    const text = '[[a.b]]\nc = {d = ["$X"], envs = [{e = "$Y"}], f = $Z}\n# $N\n"$K" = 1\n';
    const found = outline(text).references.map(({ keys, isValue, token }) => [
      keys.join('.'),
      isValue,
      text.slice(token.start, token.end),
    ]);
    expect(found).toEqual([
      ['a.b.c.d', true, '"$X"'],
      ['a.b.c.envs.e', true, '"$Y"'],
      ['a.b.c.f', true, '$Z'],
      ['a.b.$K', false, '"$K"'],
    ]);
  });

  it('takes a braced variable and ENC[…] outside of strings for one piece each', () => {
    expect(values(`a = \${B}\nc = [\${D}, ENC[file:///e]]\nf = 1`)).toEqual([
      ['a', `\${B}`],
      ['c', `[\${D}, ENC[file:///e]]`],
      ['f', '1'],
    ]);
  });

  it.each([
    ['brackets', `a = ${'['.repeat(10_000)}`],
    ['inline tables', `a = ${'{a='.repeat(10_000)}`],
    ['a dotted key', `${'a.'.repeat(10_000)}b = 1`],
    ['a dotted header', `[${'a.'.repeat(10_000)}b]`],
  ])('stops at %s nested too deep', (_, text) => expect(outline(text).tooDeepAt).not.toBeNull());

  it('does the same with CRLF as with LF, but for the offsets', () => {
    const text = '[a]\nb = 1\n[[c]]\nd = """\nx"""\n';
    expect(values(text.replaceAll('\n', '\r\n')).map(([key]) => key)).toEqual(
      values(text).map(([key]) => key),
    );
  });

  it('never throws, hangs or skips, whatever the text', () => {
    const pieces = fc.constantFrom(
      '[',
      ']',
      '{',
      '}',
      '"',
      "'",
      '"""',
      "'''",
      '=',
      ',',
      '.',
      '#',
      '\n',
      '\\',
      '$A',
      `\${`,
      'ENC[',
      'a',
      ' ',
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 60 }), (parts) => {
        const text = parts.join('');
        let at = 0;
        for (const { start, end } of tokens(text)) {
          expect(start).toBeGreaterThanOrEqual(at);
          expect(end).toBeGreaterThan(start);
          at = end;
        }
        expect(at).toBeLessThanOrEqual(text.length);
        outline(text);
      }),
      { numRuns: 2000 },
    );
  });

  it('finds exactly the keys that the parser finds, in whatever it takes for TOML', () => {
    const key = fc.constantFrom('a', 'b', '"c d"', "'e.f'", 'g-h');
    const value = fc.constantFrom(
      '1',
      '"x = 2"',
      "'[[y]]'",
      '[1, [2, 3]]',
      '"""\n[z]\nq = 1\n"""',
      "'''\n#'''",
      'true',
      '[\n{ k = "," },\n]',
    );
    const line = fc.oneof(
      fc.tuple(key, value).map(([k, v]) => `${k} = ${v} # w = 1`),
      key.map((k) => `[${k}]`),
      key.map((k) => `[[arr.${k}]]`),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 12 }), (lines) => {
        const text = lines.join('\n');
        const parsed = parseToml(text);
        if (!parsed.ok) return;
        const top = new Set(
          [...outline(text).entries.filter(({ header }) => header === null), ...outline(text).headers].map(
            ({ path }) => path[0],
          ),
        );
        expect(top).toEqual(new Set(Object.keys(parsed.table)));
      }),
      { numRuns: 1000 },
    );
  });
});
