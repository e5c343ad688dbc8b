import { mkdir, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { collectBundle } from './collect-bundle.ts';
import { codes, makeHome, paths, type Tree } from './home.test-kit.ts';
import { type BundleLimits, defaultBundleLimits } from './limits.ts';

async function homeOf(tree: Tree): Promise<string> {
  const { home, remove } = await makeHome(tree);
  onTestFinished(remove);
  return home;
}

describe('symbolic links', () => {
  it('packs what a link within the dir leads to, a file or a folder', async () => {
    const home = await homeOf({
      'python.d/a/lib/x.py': 'X',
      'python.d/a/y.py': { link: 'lib/x.py' },
      'python.d/a/same': { link: 'lib' },
    });
    const bundle = await collectBundle({ home, dirs: ['a'], files: [] });
    expect(paths(bundle)).toEqual(['python.d/a/lib/x.py', 'python.d/a/same/x.py', 'python.d/a/y.py']);
    expect(bundle.problems).toEqual([]);
    expect(bundle.modules.map((module) => module.name)).toEqual(['lib.x', 'same.x', 'y']);
  });

  it('reads a mounted ConfigMap, whose files are links through a hidden folder', async () => {
    const home = await homeOf({
      'python.d/a/..2024_05_01/m.py': 'M',
      'python.d/a/..data': { link: '..2024_05_01' },
      'python.d/a/m.py': { link: '..data/m.py' },
    });
    const bundle = await collectBundle({ home, dirs: ['a'], files: [] });
    expect(paths(bundle)).toEqual(['python.d/a/m.py']);
    expect(bundle.problems).toEqual([]);
  });

  it('leaves out a link that leads out, naming both ends, and goes on', async () => {
    const home = await homeOf({ 'python.d/a/m.py': '', 'python.d/a/pw': { link: '/etc/passwd' } });
    const bundle = await collectBundle({ home, dirs: ['a'], files: [] });
    expect(paths(bundle)).toEqual(['python.d/a/m.py']);
    expect(bundle.problems).toEqual([
      {
        level: 'warning',
        code: 'link-outside',
        path: `${home}/python.d/a/pw`,
        message: expect.stringContaining('/etc/passwd'),
        hint: expect.stringContaining('"/etc/passwd"'),
      },
    ]);
  });

  it('follows that link once the remedy is taken', async () => {
    const elsewhere = await homeOf({ 'lib/x.py': 'X' });
    const home = await homeOf({ 'python.d/a/m.py': '', 'python.d/a/lib': { link: `${elsewhere}/lib` } });
    const bundle = await collectBundle({ home, dirs: ['a'], files: [`${elsewhere}/lib`] });
    expect(paths(bundle)).toContain('python.d/a/lib/x.py');
    expect(bundle.problems).toEqual([]);
  });

  it('takes a dir that is itself a link for what it leads to', async () => {
    const elsewhere = await homeOf({ 'real/m.py': '' });
    const home = await homeOf({ 'python.d/a': { link: `${elsewhere}/real` } });
    const bundle = await collectBundle({ home, dirs: ['a'], files: [] });
    expect(paths(bundle)).toEqual(['python.d/a/m.py']);
    expect(bundle.modules.map((module) => module.root)).toEqual(['python.d/a']);
  });

  it('does not warn about a linked folder that is an entry of its own', async () => {
    const elsewhere = await homeOf({ 'b/n.py': '' });
    const home = await homeOf({ 'python.d/a/m.py': '', 'python.d/a/b': { link: `${elsewhere}/b` } });
    const bundle = await collectBundle({ home, dirs: ['a', 'a/b'], files: [] });
    expect(bundle.problems).toEqual([]);
    expect(paths(bundle)).toEqual(['python.d/a/b/n.py', 'python.d/a/m.py']);
  });

  it('packs a file entry that is a link to another folder', async () => {
    const elsewhere = await homeOf({ 'real.py': 'R' });
    const home = await homeOf({ 'python.d/a/m.py': { link: `${elsewhere}/real.py` } });
    const bundle = await collectBundle({ home, dirs: ['a/m.py'], files: [] });
    expect(bundle.problems).toEqual([]);
    expect(bundle.modules.map((module) => module.name)).toEqual(['m']);
  });

  it('ends at loops of every kind', async () => {
    const home = await homeOf({
      'python.d/a/m.py': '',
      'python.d/a/self': { link: 'self' },
      'python.d/a/ping': { link: 'pong' },
      'python.d/a/pong': { link: 'ping' },
      'python.d/a/sub/up': { link: '..' },
      'python.d/a/x/y/top': { link: '../..' },
      'python.d/a/gone': { link: 'nowhere' },
    });
    const bundle = await collectBundle({ home, dirs: ['a'], files: [] });
    expect(paths(bundle)).toEqual(['python.d/a/m.py']);
    expect(codes(bundle).sort()).toEqual(['link-dangling', ...Array(5).fill('link-loop')]);
    expect(bundle.problems.every((problem) => problem.level === 'warning')).toBe(true);
  });

  it('is stopped by the file limit where links multiply the folders', async () => {
    const names = ['p', 'q', 'r', 's', 't', 'u', 'v', 'w'];
    const tree: Record<string, { link: string }> = {};
    for (const from of names) {
      for (const to of names) if (from !== to) tree[`python.d/a/${from}/${to}`] = { link: `../${to}` };
    }
    const limits = { ...defaultBundleLimits, maxFiles: 500 };
    const bundle = await collectBundle({ home: await homeOf(tree), dirs: ['a'], files: [], limits });
    expect(codes(bundle)).toContain('too-many-files');
    expect(bundle.entries).toEqual([]);
  });
});

describe('what is no file', () => {
  it('leaves out a socket with a warning', async () => {
    const home = await homeOf({ 'python.d/a/m.py': '' });
    const server = createServer().listen(`${home}/python.d/a/s.sock`);
    await new Promise((resolve) => server.once('listening', resolve));
    onTestFinished(() => void server.close());
    const bundle = await collectBundle({ home, dirs: ['a', 'a/s.sock'], files: [] });
    expect(paths(bundle)).toEqual(['python.d/a/m.py']);
    expect(codes(bundle)).toEqual(['not-a-folder', 'special-file']);
  });

  it('leaves out names that are not UTF-8, showing their bytes', async () => {
    const home = await homeOf({ 'python.d/a/m.py': '' });
    await writeFile(
      Buffer.concat([Buffer.from(`${home}/python.d/a/caf`), Buffer.from([0xe9]), Buffer.from('.py')]),
      '',
    );
    const bundle = await collectBundle({ home, dirs: ['a'], files: [] });
    expect(codes(bundle)).toEqual(['name-not-utf8']);
    expect(bundle.problems[0]?.message).toContain('caf\\xe9.py');
    expect(paths(bundle)).toEqual(['python.d/a/m.py']);
  });
});

describe('limits', () => {
  const small: BundleLimits = {
    ...defaultBundleLimits,
    maxFileBytes: 1000,
    maxBytes: 3000,
    maxFiles: 20,
    maxDepth: 2,
  };

  it('refuses a file of 1 GiB without reading it, and packs the rest', async () => {
    const home = await homeOf({ 'python.d/a/m.py': '', 'python.d/a/big.py': '' });
    await truncate(`${home}/python.d/a/big.py`, 1024 ** 3);
    const bundle = await collectBundle({ home, dirs: ['a'], files: [] });
    expect(bundle.modules.map((module) => module.name)).toEqual(['m']);
    expect(bundle.problems[0]).toMatchObject({ level: 'error', code: 'file-too-large' });
    expect(bundle.problems[0]?.message).toMatch(/big\.py has 1 GiB, and 32 MiB is the limit/);
  });

  it('packs nothing over the total, and names the folder that holds most', async () => {
    const tree = Object.fromEntries([1, 2, 3, 4].map((n) => [`python.d/a/venv/lib/f${n}`, 'x'.repeat(900)]));
    const bundle = await collectBundle({
      home: await homeOf({ 'python.d/a/m.py': '', ...tree }),
      dirs: ['a'],
      files: [],
      limits: small,
    });
    expect(bundle).toMatchObject({ entries: [], modules: [], roots: [] });
    expect(bundle.problems).toHaveLength(1);
    expect(bundle.problems[0]?.message).toMatch(
      /3\.5 KiB, and 2\.9 KiB is the limit; 3\.5 KiB are in .*a\/venv$/,
    );
  });

  it('stops at too many files, and names the folder that holds most', async () => {
    const tree = Object.fromEntries(Array.from({ length: 30 }, (_, n) => [`python.d/a/lots/f${n}`, '']));
    const bundle = await collectBundle({
      home: await homeOf({ 'python.d/a/m.py': '', ...tree }),
      dirs: ['a'],
      files: [],
      limits: small,
    });
    expect(codes(bundle)).toEqual(['too-many-files']);
    expect(bundle.problems[0]?.message).toMatch(/more than 20 .*a\/lots$/);
  });

  it('leaves out what lies too deep or has too long a path, and goes on', async () => {
    const long = `${'n'.repeat(250)}/${'o'.repeat(250)}`;
    const home = await homeOf({
      'python.d/a/1/2/ok.py': '',
      'python.d/a/1/2/3/deep.py': '',
      [`python.d/a/${long}`]: '',
    });
    const limits = { ...small, maxPathBytes: 300 };
    const bundle = await collectBundle({ home, dirs: ['a'], files: [], limits });
    expect(paths(bundle)).toEqual(['python.d/a/1/2/ok.py']);
    expect(codes(bundle).sort()).toEqual(['path-too-long', 'too-deep']);
    expect(bundle.problems.every((problem) => problem.level === 'error')).toBe(true);
  });

  it('accepts exactly what the limits allow', async () => {
    const home = await homeOf({});
    await mkdir(`${home}/python.d/a`, { recursive: true });
    // python.d and a count as well.
    for (let n = 0; n < 18; n += 1) await writeFile(`${home}/python.d/a/f${n}`, 'x'.repeat(n < 3 ? 1000 : 0));
    const bundle = await collectBundle({ home, dirs: ['a'], files: [], limits: small });
    expect(bundle.problems).toEqual([]);
    expect(bundle.entries).toHaveLength(20);
  });
});

describe('names that differ in capitals only', () => {
  it('packs both, with a warning', async () => {
    const home = await homeOf({ 'python.d/a/data.txt': '1', 'python.d/a/Data.txt': '2' });
    const bundle = await collectBundle({ home, dirs: ['a'], files: [] });
    expect(paths(bundle)).toHaveLength(2);
    expect(codes(bundle)).toEqual(['case-collision']);
  });
});
