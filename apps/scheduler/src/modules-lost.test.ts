import type { BundleProblem, BundleProblemCode } from '@pythond/bundles';
import { describe, expect, it } from 'vitest';
import { modulesLost } from './modules-lost.ts';

const module = (name: string, file = `python.d/a/${name}.py`) => ({
  name,
  file,
  root: 'python.d/a',
  dir: 'a',
});
const problem = (code: BundleProblemCode, path: string): BundleProblem => ({
  ...{ level: 'error', code, path, message: '', hint: '' },
});

describe('modules that a bundle lacks', () => {
  const running = [module('one'), module('two'), module('far', 'abs/opt/x/far.py')];
  const lost = (left: readonly string[], ...problems: BundleProblem[]) =>
    modulesLost(running, { modules: running.filter(({ name }) => left.includes(name)), problems }).map(
      ({ name }) => name,
    );

  it('are not lost when somebody removed them', () => {
    expect(lost(['one'])).toEqual([]);
    expect(lost(['one'], problem('missing', '/home/python.d/a'))).toEqual([]);
    expect(lost(['one'], problem('unreadable', '/home/python.d/other/two.py'))).toEqual([]);
  });

  it('are lost when they, or a folder above them, are there and can not be read', () => {
    expect(lost(['one', 'far'], problem('unreadable', '/home/python.d/a/two.py'))).toEqual(['two']);
    expect(lost(['far'], problem('unreadable', '/home/python.d/a'))).toEqual(['one', 'two']);
    expect(lost(['one', 'two'], problem('file-too-large', '/opt/x/far.py'))).toEqual(['far']);
  });

  it('are all lost when nothing could be packed', () => {
    expect(lost([], problem('bundle-too-large', '/home/python.d/a/data'))).toEqual(['one', 'two', 'far']);
  });
});
