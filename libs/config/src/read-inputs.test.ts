import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { block, type Files, makeHome, readConf, readHome, removeHomes } from './home.test-kit.ts';
import { readInputs } from './read-inputs.ts';

afterEach(removeHomes);

const realistic = {
  'conf.d/datakit.conf': `
default_enabled_inputs = ["cpu", "disk", "pythond"]
[http_api]
  listen = "0.0.0.0:9529"
[git_repos]
  pull_interval = "1m"
  [[git_repos.repo]]
    enable = false
    url = "http://user:hunter2@git.example/conf.git"
    branch = "master"
`,
  'conf.d/host/cpu.conf': '[[inputs.cpu]]\n  interval = "10s"\n  [inputs.cpu.tags]\n  # a = "b"\n',
  'conf.d/host/disk.conf': "[[inputs.disk]]\n  interval = '10s'\n  extra = $not_toml\n",
  'conf.d/samples/pythond.conf.sample': block('', 'sample'),
  'conf.d/samples/pythond.conf': block('', 'in-samples'),
  'conf.d/pythond/pythond.conf.sample': block('', 'sample'),
  'conf.d/pythond/web.conf.bak': block('', 'backup'),
  'conf.d/pythond/web.conf~': block('', 'backup'),
  'conf.d/pythond/.web.conf': block('', 'hidden'),
  'conf.d/.git/x.conf': block('', 'hidden'),
  'conf.d/pythond/web.conf': `# {"version": "1.84.1", "desc": "do NOT edit this line"}
[[inputs.pythond]]

  # Python collector name
  name = 'some-python-inputs'  # required

  # Environment variables required to run Python collector
  envs = ['LD_LIBRARY_PATH=/path/to/lib:$LD_LIBRARY_PATH',]

  cmd = "python3" # required. python3 is recommended.
  dirs = ["mytest"]
  retries = 3

[[inputs.pythond]]
  name = "my db"
  cmd = "/usr/bin/python3"
  dirs = ['/opt/collectors', "db/check.py"]
  [inputs.pythond.tags]
    team = "db"
`,
  'conf.d/pythond/pythond.conf': block('interval = "30s"', 'demo'),
};

describe('a real-looking conf.d', () => {
  it('gives the blocks of its pythond files in the order of the files', async () => {
    const { inputs, texts, files } = await readHome(await makeHome(realistic));
    expect(texts).toEqual([
      "conf.d/pythond/web.conf:12: warning: block 1 ('some-python-inputs'): the key 'retries' is not known and is ignored; remove it",
    ]);
    expect(inputs.map(({ key }) => key)).toEqual(['demo', 'some-python-inputs', 'mydb']);
    expect(files).toEqual([
      'conf.d/datakit.conf',
      'conf.d/host/cpu.conf',
      'conf.d/host/disk.conf',
      'conf.d/pythond/pythond.conf',
      'conf.d/pythond/web.conf',
    ]);
  });

  it('gives each block as it is written, envs raw, with its place', async () => {
    const { inputs } = await readHome(await makeHome(realistic), { LD_LIBRARY_PATH: '/secret' });
    expect(inputs[1]).toMatchObject({
      name: 'some-python-inputs',
      source: { file: 'conf.d/pythond/web.conf', block: 1, line: 2 },
      envs: ['LD_LIBRARY_PATH=/path/to/lib:$LD_LIBRARY_PATH'],
      intervalMs: null,
      isolation: null,
      pool: 'default',
    });
    expect(inputs[2]).toMatchObject({
      name: 'mydb',
      source: { file: 'conf.d/pythond/web.conf', block: 2, line: 14 },
      dirs: ['/opt/collectors', 'db/check.py'],
      tags: { team: 'db' },
      envs: null,
    });
  });

  it('gives what the fleet takes over from datakit.conf', async () => {
    const { datakitConf } = await readHome(await makeHome(realistic));
    expect(datakitConf.url).toBe('http://127.0.0.1:9529');
    expect(datakitConf.gitRepos).toMatchObject({ repo: [{ branch: 'master', enable: false }] });
  });
});

describe('datakit.conf', () => {
  it.each([
    ['localhost:9529', 'http://localhost:9529'],
    [':9600', 'http://127.0.0.1:9600'],
    ['0.0.0.0:9529', 'http://127.0.0.1:9529'],
    ['[::]:9529', 'http://127.0.0.1:9529'],
    ['[::1]:9529', 'http://[::1]:9529'],
    ['10.0.0.5:9529', 'http://10.0.0.5:9529'],
  ])('that listens on %s is reached at %s', async (listen, url) => {
    const home = await makeHome({ 'conf.d/datakit.conf': `[http_api]\n  listen = "${listen}"\n` });
    const { datakitConf, texts } = await readHome(home);
    expect(datakitConf.url).toBe(url);
    expect(texts).toEqual([]);
  });

  it.each(['"/var/run/datakit.sock"', '"localhost"', '"a:b@c:9529"', '9529', '""'])(
    'that listens on %s is warned of and not used',
    async (listen) => {
      const home = await makeHome({ 'conf.d/datakit.conf': `[http_api]\n  listen = ${listen}\n` });
      const { datakitConf, texts } = await readHome(home);
      expect(datakitConf.url).toBeNull();
      expect(texts).toEqual([
        'conf.d/datakit.conf: warning: http_api.listen is no host and port, and is not used; name the DataKit with DATAKIT_URL, for example http://127.0.0.1:9529',
      ]);
    },
  );

  it('that is broken is warned of, and the inputs are read all the same', async () => {
    const home = await makeHome({ 'conf.d/datakit.conf': 'a = = 1\n', 'conf.d/p.conf': block() });
    const { inputs, texts, datakitConf } = await readHome(home);
    expect(inputs).toHaveLength(1);
    expect(datakitConf).toEqual({ url: null, gitRepos: null });
    expect(texts).toEqual([
      'conf.d/datakit.conf:1: warning: the file is not valid TOML here: invalid value; its http_api.listen and [git_repos] are not used',
    ]);
  });

  it('holds no inputs, wherever else one of its name does', async () => {
    const home = await makeHome({
      'conf.d/datakit.conf': block('', 'a'),
      'conf.d/x/datakit.conf': block('', 'b'),
    });
    expect((await readHome(home)).inputs.map(({ name }) => name)).toEqual(['b']);
  });
});

describe('a file', () => {
  it('that mentions pythond is told when it is no TOML; another is left alone', async () => {
    const home = await makeHome({
      'conf.d/a.conf': '[[inputs.mysql]]\nname = broken broken\n',
      'conf.d/b.conf': `${block()}\n[[inputs.mysql]]\nuser = "$SECRET" oops\n`,
      'conf.d/c.conf': block('', 'fine'),
    });
    const { inputs, texts } = await readHome(home, { SECRET: 'hunter2' });
    expect(inputs.map(({ name }) => name)).toEqual(['fine']);
    expect(texts).toEqual([
      'conf.d/b.conf:8: the file is not valid TOML here: each key-value declaration must be followed by an end-of-line',
    ]);
  });

  it('may hold other inputs beside ours', async () => {
    const { inputs, texts } = await readConf(
      `[[inputs.cpu]]\nx = 9223372036854775807\n${block()}[[inputs.disk]]\n`,
    );
    expect(texts).toEqual([]);
    expect(inputs[0]?.source.line).toBe(3);
  });

  it('with a block in single brackets is one block, and told to double them', async () => {
    const { inputs, texts } = await readConf(
      '\n[inputs.pythond]\nname = "x"\ncmd = "python3"\ndirs = ["Demo"]\n',
    );
    expect(inputs).toMatchObject([{ name: 'x', dirs: ['Demo'], source: { line: 2 } }]);
    expect(texts).toEqual([
      'conf.d/pythond.conf:2: warning: the file has its block in single brackets, [inputs.pythond]; write [[inputs.pythond]], with double brackets',
    ]);
  });

  it.each(['[[pythond]]', '[[input.pythond]]', '[[inputs.Pythond]]', '[pythond]'])(
    'with a block %s by mistake is warned of',
    async (header) => {
      const { texts } = await readConf(`${header}\nname = "x"\n`);
      expect(texts).toEqual([
        'conf.d/pythond.conf:1: warning: the file has a table here that looks like a pythond block and is none; write [[inputs.pythond]]',
      ]);
    },
  );

  it.each([
    ['inputs = { pythond = [{ name = "x", cmd = "python3", dirs = ["d"], oops = 1 }] }', 1],
    ['\n[inputs]\npythond = [{ name = "x", cmd = "python3", dirs = ["d"], oops = 1 }]', 3],
    ['\ninputs.pythond = [{ name = "x", cmd = "python3", dirs = ["d"], oops = 1 }]', 2],
  ])('may have its blocks inline: %s', async (text, line) => {
    const { inputs, texts } = await readConf(text);
    expect(inputs).toMatchObject([{ name: 'x', source: { block: 1, line } }]);
    expect(texts).toEqual([
      `conf.d/pythond.conf:${line}: warning: block 1 ('x'): the key 'oops' is not known and is ignored; remove it`,
    ]);
  });

  it.each(['inputs.pythond = 5', '[inputs]\npythond = "x"'])('that sets %s is told so', async (text) => {
    expect((await readConf(text)).texts[0]).toContain(
      'the file sets inputs.pythond to a value; write [[inputs.pythond]]',
    );
  });

  it('with something else than a table among its blocks loses that one alone', async () => {
    const { inputs, texts } = await readConf('inputs.pythond = [5, { name = "x", cmd = "p", dirs = ["d"] }]');
    expect(inputs).toMatchObject([{ name: 'x', source: { block: 2 } }]);
    expect(texts).toEqual(['conf.d/pythond.conf:1: block 1: the block must be a table of keys']);
  });

  it('of the same content as an earlier one is ignored with a warning, as DataKit does', async () => {
    const home = await makeHome({
      'conf.d/a.conf': block(),
      'conf.d/b.conf': block(),
      'conf.d/c.conf': block('#'),
    });
    const { inputs, texts } = await readHome(home);
    expect(inputs.map(({ key }) => key)).toEqual(['web@a', 'web@c']);
    expect(texts).toEqual([
      'conf.d/b.conf: warning: the file is a copy of conf.d/a.conf and is ignored, as in DataKit; remove one of them',
    ]);
  });

  it('with the keys __proto__ and constructor harms nothing', async () => {
    const { inputs, texts } = await readConf(
      `__proto__ = 1\n${block('__proto__ = {polluted = 1}\nconstructor = 2\ntags = {__proto__ = "t", constructor = "c"}')}`,
    );
    expect(Object.hasOwn(inputs[0]?.tags ?? {}, '__proto__')).toBe(true);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    expect(texts).toHaveLength(2);
  });
});

describe('a home', () => {
  it('without conf.d is told what to make', async () => {
    expect((await readHome(await makeHome())).texts).toEqual([
      'conf.d: there is no such folder; make conf.d/pythond.conf from conf.d/samples/pythond.conf.sample',
    ]);
  });

  it('with an empty conf.d, or one of other inputs only, has no problem', async () => {
    const home = await makeHome({
      'conf.d/cpu.conf': '[[inputs.cpu]]',
      'conf.d/pythond.conf': '# [[inputs.pythond]]',
    });
    expect(await readHome(home)).toMatchObject({ inputs: [], problems: [] });
  });

  it('may have its conf.d mounted from a ConfigMap, and reads each file once', async () => {
    const home = await makeHome({ 'conf.d/..2024_01_01/pythond.conf': block() });
    await symlink('..2024_01_01', join(home, 'conf.d/..data'));
    await symlink('..data/pythond.conf', join(home, 'conf.d/pythond.conf'));
    expect(await readHome(home)).toMatchObject({ inputs: [{ key: 'web' }], problems: [] });
  });

  it('may have a folder whose name ends in .conf', async () => {
    const home = await makeHome({ 'conf.d/pythond.conf/web.conf': block() });
    await mkdir(join(home, 'conf.d/empty.conf'));
    expect(await readHome(home)).toMatchObject({ inputs: [{ key: 'web' }], problems: [] });
  });
});

describe('inputs that are known from before', () => {
  const known = (name: string, file: string, key = name) => ({ key, name, file });
  const remembered = [
    known('a', 'conf.d/a.conf'),
    known('b', 'conf.d/b.conf'),
    known('c', 'conf.d/sub/c.conf'),
  ];
  const read = async (files: Files) => readInputs({ home: await makeHome(files), env: {}, remembered });

  it('are not unread when their files are gone, or ask for something else', async () => {
    const { unread } = await read({ 'conf.d/a.conf': block('', 'other'), 'conf.d/b.conf': '' });
    expect(unread).toEqual([]);
  });

  it('are unread when their file is broken, and nothing else is', async () => {
    const { unread, inputs } = await read({
      'conf.d/a.conf': `${block('', 'a')}\nx = [`,
      'conf.d/b.conf': block('', 'b'),
    });
    expect(unread).toEqual(['a']);
    expect(inputs.map(({ key }) => key)).toEqual(['b']);
  });

  it('are unread when their block has an error, or lost its name', async () => {
    const { unread } = await read({
      'conf.d/a.conf': block('interval = "never"', 'a'),
      'conf.d/b.conf': '[[inputs.pythond]]\ndirs = ["x"]\n',
    });
    expect(unread).toEqual(['a', 'b']);
  });

  it('are all unread when the whole folder is away', async () => {
    const { unread } = await read({});
    expect(unread).toEqual(['a', 'b', 'c']);
  });

  it('go on holding their names: another input of that name keeps its key', async () => {
    const twins = [known('web', 'conf.d/a.conf', 'web@a'), known('web', 'conf.d/b.conf', 'web@b')];
    const home = await makeHome({ 'conf.d/a.conf': 'pythond = [', 'conf.d/b.conf': block('', 'web') });
    const { inputs, unread } = await readInputs({ home, env: {}, remembered: twins });
    expect(inputs.map(({ key }) => key)).toEqual(['web@b']);
    expect(unread).toEqual(['web@a']);
  });

  it('come from the conf.d of others where those are named, in messages too', async () => {
    const home = await makeHome({
      'conf.d/own.conf': block('', 'own'),
      'gitrepos/x/conf.d/a.conf': block('interval = 0', 'a'),
      'gitrepos/x/conf.d/b.conf': block('', 'b'),
    });
    const confDs = [{ path: `${home}/gitrepos/x/conf.d`, shown: 'gitrepos/shop/conf.d' }];
    const { inputs, problems, files } = await readInputs({ home, env: {}, confDs });
    expect(inputs.map(({ key }) => key)).toEqual(['b']);
    expect(problems).toMatchObject([{ file: 'gitrepos/shop/conf.d/a.conf', level: 'error' }]);
    expect(files).toEqual(['gitrepos/shop/conf.d/a.conf', 'gitrepos/shop/conf.d/b.conf']);
  });
});
