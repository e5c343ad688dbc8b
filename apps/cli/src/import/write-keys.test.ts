import { describe, expect, it } from 'vitest';
import { writeKeys } from './write-keys.ts';

const scope = { name: 'scope', value: 'host', why: 'reads /proc' } as const;
const allow = { name: 'env_allow', value: ['A', 'B'], why: 'reads A and B' } as const;

describe('writing keys into a conf file', () => {
  it('puts them below the header of their block, with the reason, and leaves everything else as it is', () => {
    const text = [
      '# ours',
      '[[inputs.cpu]]  # another',
      '[[inputs.pythond]] # first',
      '',
      "  name = 'a'  # required",
      '  dirs = [',
      '    ["not a header"],',
      '  ]',
      '  [inputs.pythond.tags]',
      '    a = "b"',
      '[[inputs.pythond]]',
      "name = 'b'",
      '',
    ].join('\n');
    const { text: written, left } = writeKeys(text, [
      { line: 3, keys: [scope, allow] },
      { line: 11, keys: [scope] },
    ]);
    expect(left).toEqual([]);
    const lines = written.split('\n');
    expect(lines.slice(2, 9)).toEqual([
      ...['[[inputs.pythond]] # first', '  # reads /proc', '  scope = "host"', '  # reads A and B'],
      ...['  env_allow = ["A", "B"]', '', "  name = 'a'  # required"],
    ]);
    expect(lines.slice(14, 18)).toEqual([
      '[[inputs.pythond]]',
      '# reads /proc',
      'scope = "host"',
      "name = 'b'",
    ]);
    const added = new Set([
      '  # reads /proc',
      '  scope = "host"',
      '  # reads A and B',
      '  env_allow = ["A", "B"]',
    ]);
    const others = lines.filter(
      (line) => !added.has(line) && line !== '# reads /proc' && line !== 'scope = "host"',
    );
    expect(others.join('\n')).toBe(text);
  });

  it('keeps Windows line ends', () => {
    const { text } = writeKeys('[[inputs.pythond]]\r\n\tname = "a"\r\n', [{ line: 1, keys: [scope] }]);
    expect(text).toBe('[[inputs.pythond]]\r\n\t# reads /proc\r\n\tscope = "host"\r\n\tname = "a"\r\n');
  });

  it('leaves alone what it can not write safely, and says so', () => {
    const own = '[[inputs.pythond]]\n  name = "a"\n  scope = "fleet"\n';
    expect(writeKeys(own, [{ line: 1, keys: [scope] }])).toEqual({ text: own, left: [scope] });
    const inline = 'inputs = { pythond = [ { name = "a" } ] }\n';
    expect(writeKeys(inline, [{ line: 1, keys: [scope] }])).toEqual({ text: inline, left: [scope] });
  });

  it('takes a key of another block for no key of this one', () => {
    const text = '[[inputs.pythond]]\nname = "a"\n[[inputs.pythond]]\nscope = "host"\n';
    expect(writeKeys(text, [{ line: 1, keys: [scope] }]).left).toEqual([]);
  });
});
