import { chmod, mkdtemp, readdir, readFile, rm, stat, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { checkArchive } from './check-archive.ts';
import { collectBundle } from './collect-bundle.ts';
import { makeHome, plant, type Tree } from './home.test-kit.ts';
import { defaultBundleLimits } from './limits.ts';
import { packBundle } from './pack-bundle.ts';
import { unpackBundle } from './unpack-bundle.ts';

async function pack(home: string) {
  return packBundle((await collectBundle({ home, dirs: ['.'], files: [] })).entries);
}

const name = fc
  .oneof(
    fc.constantFrom(
      'm.py',
      'naïve',
      'nai\u0308ve',
      '🐍',
      'a\nb',
      'it\'s "x"',
      '$(x)',
      '-c',
      'a b',
      'x\\y',
      ' ',
      'é'.repeat(60),
    ),
    fc.stringMatching(/^[a-z]{1,120}$/),
  )
  .filter((text) => !text.endsWith('*'));
const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((parts) => `python.d/top/${parts.join('/')}`);
const content = fc.oneof(fc.uint8Array({ maxLength: 2000 }), fc.constant(new Uint8Array(600)));

/** Paths none of which is a folder of another one. */
const tree = fc
  .uniqueArray(fc.tuple(path, content, fc.boolean()), { selector: ([path]) => path, maxLength: 12 })
  .map((files) => files.filter(([path]) => !files.some(([other]) => other.startsWith(`${path}/`))));

function treeOf(files: readonly (readonly [string, Uint8Array, boolean])[]): Tree {
  const named = files.map(
    ([path, bytes, executable]) => [executable ? `${path}*` : path, Buffer.from(bytes)] as const,
  );
  return Object.fromEntries([['python.d/top/anchor', ''], ...named]);
}

async function contentsOf(folder: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const entry of await readdir(folder, { recursive: true })) {
    const stats = await stat(join(folder, entry));
    const executable = (stats.mode & 0o100) !== 0;
    if (stats.isFile())
      found.set(entry, `${executable} ${(await readFile(join(folder, entry))).toString('hex')}`);
    else found.set(entry, 'folder');
  }
  return found;
}

describe('packing and unpacking', () => {
  it('gives back any tree as it was', async () => {
    await fc.assert(
      fc.asyncProperty(tree, async (files) => {
        const { home, remove } = await makeHome(treeOf(files));
        const into = await mkdtemp(join(tmpdir(), 'bundles-test-'));
        try {
          const { digest, archive } = await pack(home);
          await checkArchive({ digest, archive, limits: defaultBundleLimits });
          await unpackBundle({ digest, archive, limits: defaultBundleLimits }, into);
          expect(await contentsOf(into)).toEqual(await contentsOf(home));
        } finally {
          await remove();
          await rm(into, { recursive: true });
        }
      }),
      { numRuns: 40 },
    );
  });

  it('gives one digest whatever the order of creation, the times, the modes and the place', async () => {
    await fc.assert(
      fc.asyncProperty(tree, async (files) => {
        const one = await makeHome(treeOf(files));
        const umask = process.umask(0o077);
        const two = await makeHome().finally(() => process.umask(umask));
        await plant(two.home, treeOf([...files].reverse()));
        for (const [path, , executable] of files) {
          await utimes(join(two.home, path), 1e9, 4.3e9);
          await chmod(join(two.home, path), executable ? 0o700 : 0o666);
        }
        try {
          expect((await pack(two.home)).digest).toBe((await pack(one.home)).digest);
        } finally {
          await one.remove();
          await two.remove();
        }
      }),
      { numRuns: 25 },
    );
  });

  it('gives another digest for another content, name or permission to execute', async () => {
    const trees: Tree[] = [
      { 'python.d/a': 'x' },
      { 'python.d/a': 'y' },
      { 'python.d/b': 'x' },
      { 'python.d/a*': 'x' },
      { 'python.d/a': 'x', 'python.d/b': null },
    ];
    const digests = new Set<string>();
    for (const tree of trees) {
      const { home, remove } = await makeHome(tree);
      onTestFinished(remove);
      digests.add((await pack(home)).digest);
    }
    expect(digests.size).toBe(trees.length);
  });
});

it('keeps to the format that bundles in Redis have: a change of it renames every bundle of every fleet', async () => {
  const { home, remove } = await makeHome({
    'python.d/Demo/demo.py': 'print("Demo")\n',
    'python.d/Demo/données/🐍.json': '{}',
    'python.d/Demo/run.sh*': '#!/bin/sh\n',
  });
  onTestFinished(remove);
  const { digest, archive, bytes } = await packBundle(
    (await collectBundle({ home, dirs: ['Demo'], files: [] })).entries,
  );
  expect(gunzipSync(archive)).toHaveLength(bytes);
  expect(digest).toMatchInlineSnapshot(`"89b1862ddc56723561512aed7da2ba1de099933178f17f6424ed7bf87d45585d"`);
});
