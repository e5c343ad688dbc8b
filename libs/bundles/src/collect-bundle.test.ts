import { chmod, rm } from 'node:fs/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { collectBundle } from './collect-bundle.ts';
import { codes, makeHome, paths, type Tree } from './home.test-kit.ts';

async function homeOf(tree: Tree): Promise<string> {
  const { home, remove } = await makeHome(tree);
  onTestFinished(remove);
  return home;
}

async function collect(tree: Tree, dirs: readonly string[], files: readonly string[] = []) {
  return collectBundle({ home: await homeOf(tree), dirs, files });
}

describe('what is packed', () => {
  it('packs every file of a dir, at any depth, below its path in python.d', async () => {
    const bundle = await collect({ 'python.d/a/m.py': '1', 'python.d/a/b/c/data.json': '{}' }, ['a']);
    expect(bundle.entries.map((entry) => `${entry.kind} ${entry.path}`)).toEqual([
      'folder python.d',
      'folder python.d/a',
      'folder python.d/a/b',
      'folder python.d/a/b/c',
      'file python.d/a/b/c/data.json',
      'file python.d/a/m.py',
    ]);
    expect(bundle.problems).toEqual([]);
    expect(bundle.roots).toEqual(['python.d/a']);
  });

  it('packs an absolute dir as it is, under abs', async () => {
    const elsewhere = await homeOf({ 'scripts/m.py': '' });
    const bundle = await collect({}, [`${elsewhere}/scripts/`]);
    expect(paths(bundle)).toEqual([`abs${elsewhere}/scripts/m.py`]);
    expect(bundle.modules).toEqual([
      {
        name: 'm',
        file: `abs${elsewhere}/scripts/m.py`,
        root: `abs${elsewhere}/scripts`,
        dir: `${elsewhere}/scripts`,
      },
    ]);
  });

  it('gives an absolute path into python.d the same place as the relative one', async () => {
    const home = await homeOf({ 'python.d/a/m.py': '' });
    const bundle = await collectBundle({ home, dirs: [`${home}/python.d/a`, 'a'], files: [] });
    expect(paths(bundle)).toEqual(['python.d/a/m.py']);
    expect(bundle.modules).toHaveLength(1);
  });

  it('takes an absolute dir that does not exist for one below python.d, as the original does', async () => {
    const bundle = await collect({ 'python.d/only-here/m.py': '' }, ['/only-here']);
    expect(paths(bundle)).toEqual(['python.d/only-here/m.py']);
    expect(bundle.modules[0]?.dir).toBe('/only-here');
  });

  it('takes a .py file for its folder, and lists that module alone', async () => {
    const tree = {
      'python.d/mytest/test.py': '',
      'python.d/mytest/other.py': '',
      'python.d/mytest/data.csv': '',
    };
    const bundle = await collect(tree, ['mytest/test.py']);
    expect(paths(bundle)).toHaveLength(3);
    expect(bundle.modules).toEqual([
      { name: 'test', file: 'python.d/mytest/test.py', root: 'python.d/mytest', dir: 'mytest/test.py' },
    ]);
  });

  it('packs further files and folders under files, relative to the home or absolute', async () => {
    const elsewhere = await homeOf({ 'ca.pem': 'x' });
    const tree = { 'python.d/a/m.py': '', 'data/one.csv': '', 'data/two.csv': '', 'abs/trap': '' };
    const home = await homeOf(tree);
    const files = ['data', 'data/one.csv', `${elsewhere}/ca.pem`, 'abs/trap'];
    const bundle = await collectBundle({ home, dirs: ['a'], files });
    expect(paths(bundle)).toEqual(
      [
        `files/abs${elsewhere}/ca.pem`,
        // A folder of the home that is called abs can't be taken for an absolute path.
        `files/abs${home}/abs/trap`,
        'files/data/one.csv',
        'files/data/two.csv',
        'python.d/a/m.py',
      ].sort(),
    );
    expect(bundle.modules).toHaveLength(1);
  });

  it('leaves out caches, version control, editor backups and the volume folders of Kubernetes', async () => {
    const junk = [
      '__pycache__/m.pyc',
      '.git/HEAD',
      '.hg/x',
      '.svn/x',
      '.m.py.swp',
      'm.py~',
      '.DS_Store',
      '..data/m.py',
    ];
    const tree = Object.fromEntries(['m.py', '.env', ...junk].map((name) => [`python.d/a/${name}`, 'x']));
    expect(paths(await collect(tree, ['a']))).toEqual(['python.d/a/.env', 'python.d/a/m.py']);
  });

  it('leaves the framework out when all of python.d is named', async () => {
    const tree = {
      'python.d/core/datakit_framework.py': '',
      'python.d/m.py': '',
      'python.d/a/core/x.py': '',
    };
    expect(paths(await collect(tree, ['.']))).toEqual(['python.d/a/core/x.py', 'python.d/m.py']);
  });

  it('keeps whether the owner may execute a file, and nothing else of its mode', async () => {
    const bundle = await collect({ 'python.d/a/run.sh*': '', 'python.d/a/m.py': '' }, ['a']);
    const files = bundle.entries.filter((entry) => entry.kind === 'file');
    expect(files.map((file) => file.executable)).toEqual([false, true]);
  });

  it('deduplicates entries that overlap, and lists a module for the first that reaches it', async () => {
    const tree = { 'python.d/a/m.py': '', 'python.d/a/b/n.py': '' };
    const bundle = await collect(tree, ['a', 'a/', './a', 'a/b', 'a/b/n.py']);
    expect(paths(bundle)).toEqual(['python.d/a/b/n.py', 'python.d/a/m.py']);
    expect(bundle.modules.map((module) => `${module.dir}:${module.name}`)).toEqual(['a:b.n', 'a:m']);
    expect(bundle.roots).toEqual(['python.d/a', 'python.d/a/b']);
  });
});

describe('which modules are looked at', () => {
  it('takes the .py files of the dir and one level down, in any case of the ending, never __init__.py', async () => {
    const names = [
      'm.py',
      'N.PY',
      '__init__.py',
      'sub/__init__.py',
      'sub/o.Py',
      'sub/deep/p.py',
      'q.txt',
      'r.pyc',
    ];
    const tree = Object.fromEntries(names.map((name) => [`python.d/a/${name}`, '']));
    const bundle = await collect(tree, ['a']);
    expect(bundle.modules.map((module) => module.name)).toEqual(['N', 'm', 'sub.o']);
  });

  it('keeps same-named modules of two dirs apart', async () => {
    const bundle = await collect({ 'python.d/a/m.py': '', 'python.d/b/m.py': '' }, ['b', 'a']);
    expect(bundle.modules.map((module) => `${module.dir}:${module.name}`)).toEqual(['a:m', 'b:m']);
    expect(bundle.roots).toEqual(['python.d/b', 'python.d/a']);
  });

  it('warns about two files of one dir that would be one module', async () => {
    const bundle = await collect({ 'python.d/a/m.py': '', 'python.d/a/m.PY': '', 'python.d/a/x.y.py': '' }, [
      'a',
    ]);
    expect(bundle.modules.map((module) => module.name)).toEqual(['m', 'x.y']);
    expect(codes(bundle)).toEqual(['same-module', 'case-collision']);
  });

  it('accepts odd names, and refuses only those that could garble a line', async () => {
    const names = ['-c.py', '$(x).py', 'it\'s "so".py', '🐍.py', 'a\nb.py', '.hidden.py', 'a..b.py'];
    const tree = Object.fromEntries(names.map((name) => [`python.d/a/${name}`, '']));
    const bundle = await collect(tree, ['a']);
    expect(bundle.modules.map((module) => module.name)).toEqual(['$(x)', '-c', 'it\'s "so"', '🐍']);
    expect(codes(bundle)).toEqual(['name-unprintable']);
    expect(bundle.problems[0]?.message).toContain('a\\nb.py');
    expect(paths(bundle)).toHaveLength(names.length);
  });
});

describe('what is wrong with an entry', () => {
  it('reports a missing dir and goes on with the others', async () => {
    const bundle = await collect({ 'python.d/a/m.py': '' }, ['gone', 'a'], ['gone.csv']);
    expect(codes(bundle)).toEqual(['missing', 'missing']);
    expect(bundle.problems[0]).toMatchObject({
      level: 'error',
      message: expect.stringContaining('python.d/gone'),
    });
    expect(bundle.modules).toHaveLength(1);
  });

  it('names the folder that differs in capitals only', async () => {
    const bundle = await collect({ 'python.d/MyTest/m.py': '' }, ['mytest']);
    expect(bundle.problems[0]?.hint).toMatch(/MyTest.*capitals/);
  });

  it('refuses a relative path that leads out, and accepts one that comes back', async () => {
    const bundle = await collect(
      { 'python.d/a/m.py': '', 'conf.d/x': '' },
      ['../conf.d', 'b/../a'],
      ['../x'],
    );
    expect(codes(bundle)).toEqual(['outside-home', 'outside-home']);
    expect(paths(bundle)).toEqual(['python.d/a/m.py']);
  });

  it('refuses to pack the whole machine, its kernel files, or the home', async () => {
    const bundle = await collect({}, ['/', '/proc', '/sys/kernel', '/dev/'], ['.']);
    expect(new Set(codes(bundle))).toEqual(new Set(['refused-root']));
    expect(bundle.problems).toHaveLength(5);
    expect(bundle.entries).toEqual([]);
  });

  it('refuses a file that is no module', async () => {
    expect(codes(await collect({ 'python.d/a/notes.txt': '' }, ['a/notes.txt']))).toEqual(['not-a-module']);
  });

  it.skipIf(process.getuid?.() === 0)('names what it may not read, and goes on', async () => {
    const home = await homeOf({
      'python.d/a/m.py': '',
      'python.d/a/secret.py': '',
      'python.d/a/closed/n.py': '',
    });
    await chmod(`${home}/python.d/a/secret.py`, 0);
    await chmod(`${home}/python.d/a/closed`, 0);
    onTestFinished(() => chmod(`${home}/python.d/a/closed`, 0o700));
    const bundle = await collectBundle({ home, dirs: ['a'], files: [] });
    expect(codes(bundle)).toEqual(['unreadable', 'unreadable']);
    expect(bundle.modules.map((module) => module.name)).toEqual(['m']);
  });

  it('says so when an entry is not a possible path at all', async () => {
    expect(codes(await collect({}, ['a\0b']))).toEqual(['unreadable']);
  });

  it('gives equal problems in equal order on every run', async () => {
    const home = await homeOf({
      'python.d/a/m.py': '',
      'python.d/a/l': { link: '/etc' },
      'python.d/a/k': { link: 'x' },
    });
    const once = await collectBundle({ home, dirs: ['a', 'nope'], files: [] });
    expect((await collectBundle({ home, dirs: ['a', 'nope'], files: [] })).problems).toEqual(once.problems);
    await rm(home, { recursive: true });
  });
});
