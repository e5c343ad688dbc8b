import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { block, makeHome, readHome, removeHomes } from './home.test-kit.ts';
import { inputKeys } from './input-keys.ts';

afterEach(removeHomes);

const keys = (...blocks: [name: string, file: string][]) =>
  inputKeys(blocks.map(([name, file]) => ({ name, file }))).map(({ key }) => key);

describe("an input's key", () => {
  it('is its name when no other block has it', () => {
    expect(keys(['a', 'x.conf'], ['b', 'x.conf'])).toEqual(['a', 'b']);
  });

  it('names its file when another block has its name', () => {
    expect(keys(['a', 'x.conf'], ['a', 'y.conf'], ['b', 'x.conf'])).toEqual(['a@x', 'a@y', 'b']);
  });

  it('is numbered when its file is named the same too, past every key that is taken', () => {
    expect(keys(['a', 'x.conf'], ['a', 'x.conf'], ['a', 'x-2.conf'], ['a', 'x.conf'])).toEqual([
      ...['a@x', 'a@x-3', 'a@x-2', 'a@x-4'],
    ]);
  });

  it('is unique and has none of the characters that ids are cut at', () => {
    const name = fc.oneof(
      fc.constantFrom('a', 'a@x', 'a-2', 'a/b', 'a:b', 'a%40x', 'x y'),
      fc.string({ minLength: 1 }),
    );
    const file = fc.constantFrom('x.conf', 'x-2.conf', 'y@z.conf', 'conf.conf');
    fc.assert(
      fc.property(fc.array(fc.record({ name, file }), { maxLength: 20 }), (blocks) => {
        const made = inputKeys(blocks).map(({ key }) => key);
        expect(new Set(made).size).toBe(made.length);
        for (const key of made) expect(key).toMatch(/^[^/:@\s]*(@[^/:@\s]*)?$/);
      }),
      { numRuns: 1000 },
    );
  });

  it('does not change when a namesake is broken or mended', async () => {
    const both = { 'conf.d/x.conf': block('', 'a'), 'conf.d/y.conf': block('pool = "y"', 'a') };
    const fine = await readHome(await makeHome(both));
    const broken = await readHome(await makeHome({ ...both, 'conf.d/y.conf': block('pool = ""', 'a') }));
    expect(fine.inputs.map(({ key }) => key)).toEqual(['a@x', 'a@y']);
    expect(broken.inputs.map(({ key }) => key)).toEqual(['a@x']);
  });

  it('that is numbered is warned of', async () => {
    const home = await makeHome({
      'conf.d/p/x.conf': block('', 'a'),
      'conf.d/q/x.conf': block('align = true', 'a'),
    });
    const { inputs, texts } = await readHome(home);
    expect(inputs.map(({ key }) => key)).toEqual(['a@x', 'a@x-2']);
    expect(texts).toEqual([
      "conf.d/q/x.conf:1: warning: block 1 ('a'): another block of this name stands in a file of this name; this one is a@x-2; give each block a name of its own: this number depends on their order",
    ]);
  });
});
