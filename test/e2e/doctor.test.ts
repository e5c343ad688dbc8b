import path from 'node:path';
import { type Standin, startStandin } from '@pythond/datakit-standin';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type CliResult, runCli } from '../support/cli.ts';
import { block, copyHome, makeHome, type TestHome } from '../support/home.ts';
import { startTestRedis, type TestRedis } from '../support/redis.ts';

vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

interface Check {
  readonly group: string;
  readonly code: string;
  readonly level: 'ok' | 'warning' | 'error';
  readonly text: string;
  readonly remedy: string | null;
  readonly input: string | null;
  readonly file: string | null;
  readonly line: number | null;
  readonly key: { readonly name: string; readonly value: unknown } | null;
}

interface Diagnosis {
  readonly code: number | null;
  readonly well: boolean;
  readonly checks: readonly Check[];
}

const longest = (text: string) => Math.max(...text.split(/\r?\n/).map((line) => [...line].length));

let datakit: Standin;
beforeAll(async () => {
  datakit = await startStandin();
});
afterAll(() => datakit?.close());

const run = (
  home: string,
  args: readonly string[],
  env: object = {},
  terminal?: number,
): Promise<CliResult> =>
  runCli(['doctor', '--home', home, ...args], {
    env: { DATAKIT_URL: datakit.url, ...env },
    ...(terminal ? { terminal } : {}),
  });

async function diagnose(home: string, env: object = {}): Promise<Diagnosis> {
  const { code, stdout, stderr } = await run(home, ['--json'], env);
  expect(stderr).toBe('');
  return { code, ...JSON.parse(stdout) };
}

const HEAD = 'from datakit_framework import DataKitFramework\n\n\n';
/** A collector: its class stands in line 4, `run` in line 7, its body from line 8 on. */
const collector = (body: string, top = '    interval = 10') =>
  `${HEAD}class A(DataKitFramework):\n${top}\n\n    def run(self):\n        ${body}\n`;

/** What moves over badly, by the folder of python.d and the input that it stands in: script, and what is to be told of it. */
const traps: Readonly<
  Record<string, { more?: string; script: string; told: Partial<Check>; says?: RegExp }>
> = {
  variable: {
    script: collector("import os; return os.environ['ORACLE_HOME']"),
    told: {
      code: 'environment',
      level: 'error',
      line: 8,
      key: { name: 'env_allow', value: ['ORACLE_HOME'] },
    },
  },
  maybe: {
    script: collector("import os; return os.getenv('SHOP', 'all')"),
    told: { code: 'environment', level: 'warning', line: 8, key: { name: 'env_allow', value: ['SHOP'] } },
  },
  unset: {
    more: '  envs = ["A=1"]',
    script: collector("import os; return os.environ['B']"),
    told: { code: 'environment', level: 'warning', line: 8, key: null },
    says: /needs the variable B, which envs does not have/,
  },
  proc: {
    script: collector("return open('/proc/loadavg').read()"),
    told: { code: 'host', level: 'warning', line: 8, key: { name: 'scope', value: 'host' } },
  },
  disks: {
    script: collector(
      "import subprocess; subprocess.check_output('LC_ALL=C df -P | tail -n +2', shell=True)",
    ),
    told: { code: 'host', level: 'warning', line: 8, key: { name: 'scope', value: 'host' } },
    says: /\(df\)/,
  },
  server: {
    script: collector("from http.server import HTTPServer; HTTPServer(('', 0), None).serve_forever()"),
    told: { code: 'server', level: 'warning', line: 8, key: { name: 'isolation', value: 'resident' } },
  },
  forever: {
    script: collector('while True:\n            self.report({})'),
    told: { code: 'server', level: 'warning', line: 8, key: { name: 'isolation', value: 'resident' } },
  },
  elsewhere: {
    script: collector(
      'pass',
      "    interval = 10\n    def __init__(self, **kwargs):\n        super().__init__(ip='10.0.0.5', port=9530)",
    ),
    told: {
      code: 'destination',
      level: 'warning',
      line: 7,
      key: { name: 'destinations', value: ['10.0.0.5:9530'] },
    },
  },
  denied: {
    more: '  destinations = ["10.0.0.6"]',
    script: collector(
      'pass',
      "    def __init__(self, **kwargs):\n        super().__init__(ip='10.0.0.5')\n    interval = 10",
    ),
    told: {
      code: 'destination',
      level: 'error',
      line: 6,
      key: { name: 'destinations', value: ['10.0.0.6:9529', '10.0.0.5:9529'] },
    },
  },
  outside: {
    script: `CONF = '/etc/hosts.allow.of.shop'\n${collector('return open(CONF)')}`,
    told: {
      code: 'path',
      level: 'warning',
      line: 9,
      key: { name: 'read_paths', value: ['/etc/hosts.allow.of.shop'] },
    },
    says: /not on this machine/,
  },
  there: {
    script: collector("return open('/etc/shadow')"),
    told: { code: 'path', level: 'error', line: 8, key: { name: 'read_paths', value: ['/etc/shadow'] } },
  },
  written: {
    script: collector("return open('/var/lib/shop/seen', 'a')"),
    told: { code: 'path', level: 'error', line: 8, key: { name: 'write_paths', value: ['/var/lib/shop'] } },
  },
  beside: {
    script: collector("import os; open(os.path.join(os.path.dirname(__file__), 'state.json'), 'w')"),
    told: { code: 'path', level: 'error', line: 8, key: null },
    says: /beside the scripts/,
  },
  neighbour: {
    script: collector("import os; open(os.path.join(os.path.dirname(__file__), '..', 'data', 'a.csv'))"),
    told: { code: 'path', level: 'error', line: 8, key: null },
    says: /reads python\.d\/data\/a\.csv, which is in no folder of dirs/,
  },
  relative: {
    script: collector("return open('hosts.csv')"),
    told: { code: 'path', level: 'warning', line: 8, key: null },
    says: /temporary folder of the run/,
  },
  socket: {
    script: collector("import socket; socket.socket().connect('/var/run/docker.sock')"),
    told: { code: 'unix-socket', level: 'error', line: 8, key: { name: 'unix_sockets', value: true } },
  },
  posts: {
    script: collector("import urllib.request as u; u.urlopen('http://127.0.0.1:9529/v1/write/metric', b'')"),
    told: { code: 'direct-post', level: 'warning', line: 8, key: null },
  },
  missing: {
    script: `import no_such_module_of_anybody\n${collector('pass')}`,
    told: { code: 'missing-module', level: 'error', line: 1, key: null },
    says: /python3 -m pip install no_such_module_of_anybody/,
  },
  guarded: {
    script: `try:\n    import no_such_module_either\nexcept ImportError:\n    pass\n${collector('pass')}`,
    told: { code: 'missing-module', level: 'warning', line: 2, key: null },
  },
  syntax: {
    script: 'print "Python 2"\n',
    told: { code: 'syntax', level: 'error', line: 1, key: null },
  },
  nointerval: {
    script: collector('pass', ''),
    told: { code: 'no-interval', level: 'warning', line: 4, key: null },
  },
  negative: {
    script: collector('pass', '    interval = -5'),
    told: { code: 'bad-interval', level: 'error', line: 5, key: null },
    says: /class A has the interval -5/,
  },
  text: {
    script: collector('pass', "    interval = '10'"),
    told: { code: 'bad-interval', level: 'error', line: 5, key: null },
  },
};

const files = {
  ...Object.fromEntries(
    Object.entries(traps).flatMap(([name, { more = '', script }]) => [
      [`conf.d/${name}.conf`, block(name, [name], more)],
      [`python.d/${name}/${name}_of_ours.py`, script],
    ]),
  ),
  'conf.d/odd.conf': [
    block('with space', ['library']),
    block('', ['library']),
    block('twice', ['library']),
    block('twice', ['library', 'library2', 'nowhere'], '  intervall = 5'),
    block('secret', ['library'], '  [inputs.pythond.tags]\n    token = "ENC[aes://abc]"'),
    '[[inputs.pythond]]\n  name = "nopython"\n  cmd = "/nowhere/python3"\n  dirs = ["library"]\n',
  ].join('\n'),
  'conf.d/samples/web.conf': `# a sample\n${block('sample', ['library'])}`,
  'python.d/library/string.py': collector('pass'),
  'python.d/library2/string.py': collector('pass'),
};

describe('doctor, of a home with every trap there is,', () => {
  let home: TestHome;
  let found: Diagnosis;
  beforeAll(async () => {
    home = await makeHome(files);
    found = await diagnose(home.dir);
  });
  afterAll(() => home?.remove());

  it.each(Object.entries(traps))('tells of %s with file, line and remedy', (name, { told, says }) => {
    const own = found.checks.filter(({ input }) => input === name);
    const fitting = own.find(({ code, line }) => code === told.code && line === told.line);
    expect(own).not.toEqual([]);
    expect(fitting, JSON.stringify(own, null, 2)).toMatchObject({
      ...{ group: 'scripts', file: `python.d/${name}/${name}_of_ours.py` },
      ...told,
    });
    expect(fitting?.text).toContain(`python.d/${name}/${name}_of_ours.py:${told.line}: `);
    expect(fitting?.remedy).toBeTruthy();
    if (says) expect(`${fitting?.text} ${fitting?.remedy}`).toMatch(says);
  });

  it.each([
    ['wrong-value', 'error', /conf\.d\/odd\.conf:\d+: block 2.*name/],
    ['name-space', 'warning', /conf\.d\/odd\.conf:2: the input "with space" is called withspace/],
    ['same-name', 'warning', /conf\.d\/odd\.conf:\d+: warning: block \d \('twice'\)/],
    ['unknown-key', 'warning', /conf\.d\/odd\.conf:\d+: .*intervall.*did you mean interval/],
    ['enc-unsupported', 'error', /conf\.d\/odd\.conf:\d+: block 5 .*aes/],
    ['unread-conf', 'warning', /conf\.d\/samples\/web\.conf:2: DataKit runs this block/],
    ['missing', 'error', /conf\.d\/odd\.conf:\d+: block 4 .*nowhere/],
    ['same-module', 'warning', /python\.d\/library2\/string\.py.* python\.d\/library\/string\.py/],
    ['library-name', 'warning', /python\.d\/library\/string\.py:1: .*Python's own module string/],
    ['interpreter-not-found', 'error', /conf\.d\/odd\.conf:\d+: .*\/nowhere\/python3/],
  ])('tells of %s', (code, level, text) => {
    const same = found.checks.filter((check) => check.code === code);
    expect(same.map(({ text }) => text).join('\n'), code).toMatch(text);
    expect(same.map((check) => check.level)).toContain(level);
  });

  it('ends with 1, and fits 80 columns with a word beside each mark', async () => {
    expect({ code: found.code, well: found.well }).toEqual({ code: 1, well: false });
    const shown = await run(home.dir, [], {}, 80);
    expect(shown.code).toBe(1);
    expect(longest(shown.stdout)).toBeLessThanOrEqual(80);
    expect(shown.stdout).toMatch(/\n {2}✔ ok {4}Node \d/);
    expect(shown.stdout).toMatch(/\n {2}! look {2}python\.d\//);
    expect(shown.stdout).toMatch(/\n {2}✘ do {4}python\.d\//);
    expect(shown.stdout).toMatch(/→ env_allow = \["ORACLE_HOME"\]/);
    expect(shown.stdout).toMatch(/\n\d+ things have to be done, \d+ to look at\.\r?\n$/);
  });

  it('names each key as one that a block takes: with it, the trap is none', async () => {
    const good = await makeHome({
      ...files,
      ...Object.fromEntries(
        Object.entries(traps).map(([name, { more = '', told }]) => {
          const key = told.key ? `  ${told.key.name} = ${JSON.stringify(told.key.value)}\n` : '';
          const others = told.key ? more.replace(new RegExp(`^ *${told.key.name} .*$`, 'm'), '') : more;
          return [`conf.d/${name}.conf`, block(name, [name], `${others}\n${key}`)];
        }),
      ),
    });
    const again = await diagnose(good.dir);
    await good.remove();
    for (const [name, { told }] of Object.entries(traps)) {
      if (!told.key) continue;
      const left = again.checks.filter(
        ({ input, code, key }) => input === name && code === told.code && key?.name === told.key?.name,
      );
      expect({ name, left }).toEqual({ name, left: [] });
    }
  });
});

describe('doctor, of a home that is well,', () => {
  let home: TestHome;
  let redis: TestRedis;
  beforeAll(async () => {
    home = await copyHome('seed-home');
    redis = await startTestRedis();
  });
  afterAll(async () => {
    await redis?.stop();
    await home?.remove();
  });

  it('says so in a line for each, and ends with 0', async () => {
    const good = await makeHome({
      'conf.d/demo.conf': block('demo', ['demo']),
      'python.d/demo/demo.py': collector("self.feed_metric(measurement='m', fields={'a': 1})"),
    });
    const found = await diagnose(good.dir);
    expect({ code: found.code, levels: [...new Set(found.checks.map(({ level }) => level))] }).toEqual({
      ...{ code: 0, levels: ['ok'] },
    });
    const shown = await run(good.dir, [], {}, 80);
    await good.remove();
    expect({ code: shown.code, longest: longest(shown.stdout) <= 80 }).toEqual({ code: 0, longest: true });
    expect(
      shown.stdout
        .replaceAll('\r', '')
        .split('\n')
        .filter((line) => /^\S/.test(line)),
    ).toEqual([
      ...['Node', 'Python', 'Sandbox', 'Redis', 'DataKit', 'Configuration', 'Scripts'],
      'All is well. Next: `pythond check` runs each collector once.',
    ]);
    expect(shown.stdout).toContain('✔ ok    demo: 1 script, nothing to be done');
  });

  it("finds nothing to be done in the manual's examples", async () => {
    const { code, checks } = await diagnose(home.dir);
    expect(checks.filter(({ level }) => level === 'error')).toEqual([]);
    expect(code).toBe(0);
  });

  it('tells what the settings of a Redis should be, and that one is away', async () => {
    await redis.redis.config('SET', 'maxmemory-policy', 'allkeys-lru');
    await redis.redis.config('SET', 'hz', '10');
    await redis.redis.config('SET', 'appendonly', 'no');
    const { code, checks } = await diagnose(home.dir, {
      REDIS_URL: redis.target.url,
      PYTHOND_REDIS_PASSWORD_FILE: path.join(redis.dir, 'password'),
    });
    const own = checks
      .filter(({ group }) => group === 'redis')
      .map(({ code: name, level, remedy }) => [name, level, remedy]);
    expect(code).toBe(1);
    expect(own).toEqual([
      ['redis', 'ok', null],
      ['redis-eviction', 'error', 'CONFIG SET maxmemory-policy noeviction, and in redis.conf'],
      ['redis-appendonly', 'warning', 'CONFIG SET appendonly yes, and in redis.conf'],
      ['redis-hz', 'warning', 'CONFIG SET hz 100, and in redis.conf'],
      ['redis-clock', 'ok', null],
    ]);
    const away = await diagnose(home.dir, {
      REDIS_URL: 'redis://127.0.0.1:1',
      DATAKIT_URL: 'http://127.0.0.1:1',
    });
    expect(away.checks.filter(({ level }) => level === 'error').map(({ group }) => group)).toEqual([
      ...['redis', 'datakit'],
    ]);
  });

  it('tells what git repos do otherwise', async () => {
    await home.write({
      'conf.d/datakit.conf':
        '[git_repos]\n  enable = true\n  [[git_repos.repo]]\n    enable = true\n    url = "http://git.example.com/a.git"\n' +
        '  [[git_repos.repo]]\n    enable = true\n    url = "git@git.example.com:b.git"\n',
    });
    const { checks } = await diagnose(home.dir);
    const texts = checks.filter(({ group }) => group === 'configuration').map(({ text }) => text);
    expect(texts.join('\n')).toMatch(/plain http/);
    expect(texts.join('\n')).toMatch(/the git repo b: the key of its host is checked here/);
    expect(texts.join('\n')).toMatch(/conf\.d\/\S+ is not read while git repos are on/);
    expect(texts.join('\n')).toMatch(/2 of 2 git repos have not been fetched yet/);
  });
});

describe('doctor, of no home,', () => {
  it('ends with 2', async () => {
    const { code, stdout, stderr } = await run('/nowhere/at/all', []);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/has no conf\.d/);
  });
});
