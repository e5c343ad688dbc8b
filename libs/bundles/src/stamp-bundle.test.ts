import { chmod, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { collectBundle } from './collect-bundle.ts';
import { makeHome, paths, plant } from './home.test-kit.ts';
import { stampBundle } from './stamp-bundle.ts';

let home: string;
let remove: () => Promise<void>;

beforeEach(async () => {
  ({ home, remove } = await makeHome({ 'python.d/a/a.py': 'one', 'python.d/a/sub/b.py': 'two' }));
});
afterEach(() => remove());

const stamp = async () => (await stampBundle({ home, dirs: ['a'], files: [] })).stamp;
const file = (name: string) => join(home, 'python.d/a', name);

describe('the stamp of a bundle', () => {
  it('stays when nothing changes, and when something beside it does', async () => {
    const before = await stamp();
    await plant(home, { 'python.d/other/x.py': '', 'python.d/a/a.py.swp': 'vim', 'python.d/a/4913': '' });
    expect(await stamp()).toBe(before);
  });

  it.each<[string, () => Promise<unknown>]>([
    ['another content of the same length', () => writeFile(file('a.py'), 'eno')],
    ['a file that takes its place, with its times', () => replaceKeepingTimes()],
    ['a new file', () => writeFile(file('c.py'), '')],
    ['a file that goes', () => rm(file('sub/b.py'))],
    ['a file that becomes executable', () => chmod(file('a.py'), 0o755)],
    ['a folder that goes', () => rm(join(home, 'python.d/a'), { recursive: true })],
  ])('changes with %s', async (_, change) => {
    const before = await stamp();
    await change();
    expect(await stamp()).not.toBe(before);
  });

  it('tells the newest change and the folders', async () => {
    const { newestMs, folders } = await stampBundle({ home, dirs: ['a'], files: [] });
    expect(newestMs).toBeGreaterThan(Date.now() - 3600_000);
    expect(folders).toEqual([join(home, 'python.d/a')]);
  });

  async function replaceKeepingTimes(): Promise<void> {
    await writeFile(file('new'), 'eno');
    await utimes(file('new'), 1, 1);
    await rename(file('new'), file('a.py'));
    await utimes(file('a.py'), 1, 1);
  }
});

describe('homes that come before the own one', () => {
  it('give each entry that they have, at the same path in the bundle', async () => {
    await plant(home, {
      'repo/python.d/a/a.py': 'theirs',
      'repo/data/x.txt': 'theirs',
      'python.d/local/l.py': 'own',
      'data/y.txt': 'own',
    });
    const bundle = await collectBundle({
      ...{ home, overlays: [join(home, 'repo')] },
      ...{ dirs: ['a', 'local'], files: ['data/x.txt', 'data/y.txt'] },
    });
    expect(bundle.problems).toEqual([]);
    expect(paths(bundle)).toEqual([
      ...['files/data/x.txt', 'files/data/y.txt'],
      ...['python.d/a/a.py', 'python.d/local/l.py'],
    ]);
    const content = bundle.entries.flatMap((entry) =>
      entry.kind === 'file' && entry.path === 'python.d/a/a.py' ? [entry.content.toString()] : [],
    );
    expect(content).toEqual(['theirs']);
    expect(bundle.roots).toEqual(['python.d/a', 'python.d/local']);
  });

  it('do not let an entry lead out of all of them', async () => {
    const { problems } = await collectBundle({
      ...{ home, overlays: [join(home, 'repo')], dirs: ['../../etc'], files: ['../x'] },
    });
    expect(problems.map(({ code }) => code)).toEqual(['outside-home', 'outside-home']);
  });
});
