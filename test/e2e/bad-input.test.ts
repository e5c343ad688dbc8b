import { execFileSync } from 'node:child_process';
import { chmod, mkdir, symlink, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Standin, startStandin } from '@pythond/datakit-standin';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type CheckAnswer, check } from '../support/check.ts';
import { runCli } from '../support/cli.ts';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';
import { block, makeHome, type TestHome } from '../support/home.ts';
import { startTestRedis, type TestRedis } from '../support/redis.ts';
import { startUp } from '../support/up.ts';

const GOOD = `from datakit_framework import DataKitFramework


class Good(DataKitFramework):
    interval = 30

    def run(self):
        self.feed_metric(measurement='good', fields={'up': 1})
`;

/** Nobody listens there. */
const CLOSED = '127.0.0.1:1';

vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 });

const isRoot = process.getuid?.() === 0;

const mkfifo = (file: string) => execFileSync('mkfifo', [file]);

describe('bad files in conf.d', () => {
  let home: TestHome;
  let told: string[];
  beforeAll(async () => {
    home = await makeHome({
      'conf.d/pythond.conf': block('good', ['good']),
      'conf.d/folder.conf/inner.conf': block('inner', ['good']),
      'conf.d/nul.conf': '[[inputs.pythond]]\nname = "x\0"\n',
      'conf.d/big.conf': `# pythond\n${'#'.repeat(2 ** 20)}\n`,
      'conf.d/toml.conf': '[[inputs.pythond]]\n  name = "web\n',
      'python.d/good/good.py': GOOD,
    });
    const at = (name: string) => path.join(home.dir, 'conf.d', name);
    mkfifo(at('pipe.conf'));
    await symlink('/dev/zero', at('device.conf'));
    await symlink('circle.conf', at('circle.conf'));
    await symlink('nowhere', at('dangling.conf'));
    await symlink('folder.conf', at('linked.conf'));
    await symlink('/proc/self/mem', at('unreadable.conf'));
    await writeFile(at('latin.conf'), Buffer.from('[[inputs.pythond]]\nname = "caf\xe9"\n', 'latin1'));
    await writeFile(at('utf16.conf'), Buffer.from('\ufeff[[inputs.pythond]]\n', 'utf16le'));
    told = [
      'conf.d/big.conf: the file is larger than 1 MiB and was not read; split it, or move it elsewhere',
      'conf.d/circle.conf: the file is a link that leads in a circle; remove it',
      'conf.d/dangling.conf: the file is a link to what does not exist; remove it',
      'conf.d/device.conf: the file is a device, not a regular file; move it elsewhere',
      'conf.d/latin.conf: the file is not valid UTF-8 at offset 31 (line 2); save it as UTF-8',
      'conf.d/linked.conf: the file is a folder behind a link, not a file; remove the link, or move the folder here',
      'conf.d/nul.conf: the file holds a NUL byte at offset 28 (line 2); save it as plain text',
      'conf.d/pipe.conf: the file is a FIFO, not a regular file; move it elsewhere',
      expect.stringMatching(/^conf\.d\/toml\.conf:2: the file is not valid TOML here: /),
      "conf.d/unreadable.conf: the file can't be read: the system says EIO; move it elsewhere",
      'conf.d/utf16.conf: the file is saved as UTF-16; save it as UTF-8',
    ];
    if (isRoot) return; // whom no mode keeps from reading
    await writeFile(at('locked.conf'), '# pythond\n');
    await chmod(at('locked.conf'), 0o000);
    told.splice(6, 0, 'conf.d/locked.conf: the file may not be read by this user; give it read permission');
  });
  afterAll(() => home.remove());

  it('are told by check, one line each, while the good ones run', async () => {
    const answer = await check(home.dir);
    expect(answer.said).toEqual(told);
    expect(answer.failures).toEqual([]);
    expect(answer.collectors.map(({ id, outcome }) => [id, outcome])).toEqual([
      ['inner/good/good:Good', 'succeeded'],
      ['good/good/good:Good', 'succeeded'],
    ]);
    expect(answer.code).toBe(1);
  });

  it('are told by a running fleet, one line each, while the good ones run', async () => {
    const up = await startUp(home.dir);
    try {
      const listing = await up.listed(['good/good/good:Good', 'inner/good/good:Good']);
      expect(listing.problems.map(({ text }) => text)).toEqual(told);
      expect(new Set(listing.problems.map(({ level }) => level))).toEqual(new Set(['error']));
      expect(up.cli.stdout()).toContain(
        '  ✗ conf.d/pipe.conf: the file is a FIFO, not a regular file; move it elsewhere\n',
      );
    } finally {
      await up.stop();
    }
  });
});

describe('bad files in python.d', () => {
  let home: TestHome;
  let told: string[];
  const good = ['good', 'beside_huge', 'beside_nul', 'loop', 'special'];
  beforeAll(async () => {
    const files = good.map((name) => [`python.d/${name}/good.py`, GOOD]);
    home = await makeHome({
      ...Object.fromEntries(files),
      'python.d/beside_nul/nul.py': `${GOOD}\0`,
      'conf.d/pythond.conf': [
        block('pipe', ['pipe', 'good']),
        block('device', ['device.py', 'good']),
        block('circle', ['circle', 'good']),
        block('huge', ['beside_huge']),
        block('nul', ['beside_nul']),
        block('loop', ['loop']),
        block('special', ['special']),
        block('cmd', ['good']).replace('"python3"', '"python-of-nobody"'),
        block('cat', ['good']).replace('"python3"', '"/bin/cat"'),
      ].join(''),
    });
    const at = (name: string) => path.join(home.dir, 'python.d', name);
    mkfifo(at('pipe'));
    mkfifo(at('special/pipe.py'));
    await symlink('/dev/zero', at('device.py'));
    await symlink('circle', at('circle'));
    await symlink('.', at('loop/again'));
    await mkdir(at('loop/below'));
    await symlink('..', at('loop/below/above'));
    await writeFile(at('beside_huge/huge.py'), '');
    await truncate(at('beside_huge/huge.py'), 2 ** 30); // a sparse one: it takes no room on the disk
    told = [
      `conf.d/pythond.conf:1: block 1 ('pipe'): dirs names pipe, but ${at('pipe')} is a pipe, a socket or a device. Name a folder or a file.`,
      `conf.d/pythond.conf:6: block 2 ('device'): dirs names device.py: /dev/zero can't be packed as a whole. Name the folder that holds the scripts, or a single file.`,
      `conf.d/pythond.conf:11: block 3 ('circle'): ${at('circle')} is a symbolic link that leads back to itself. Remove the link, or let it name a real file or folder.`,
      `conf.d/pythond.conf:16: block 4 ('huge'): ${at('beside_huge/huge.py')} has 1 GiB, and 32 MiB is the limit for one file: it is not packed. Move it out of the folder, let the script fetch it, or raise bundle_file_size.`,
      `conf.d/pythond.conf:26: warning: block 6 ('loop'): the link ${at('loop/again')} leads back to itself or to a folder above it (${at('loop')}), and is not followed. Remove the link.`,
      `conf.d/pythond.conf:26: warning: block 6 ('loop'): the link ${at('loop/below/above')} leads back to itself or to a folder above it (${at('loop')}), and is not followed. Remove the link.`,
      `conf.d/pythond.conf:31: warning: block 7 ('special'): ${at('special/pipe.py')} is a pipe, a socket or a device, and is not packed. Move it out of the folder.`,
    ];
  });
  afterAll(() => home.remove());

  const running = [
    ...['pipe/good', 'device/good', 'circle/good', 'huge/beside_huge', 'nul/beside_nul', 'loop/loop'],
    'special/special',
  ].map((folder) => `${folder}/good:Good`);

  type Failure = Pick<CheckAnswer['failures'][number], 'input' | 'module' | 'type' | 'message' | 'hint'>;

  function expectFailures(failures: readonly Failure[]): void {
    const told = new Map(failures.map((failure) => [failure.input, failure]));
    expect([...told.keys()].sort()).toEqual(['cat', 'cmd', 'nul']);
    // Python 3.8 to 3.11 say ValueError or SyntaxError
    expect(told.get('nul')).toMatchObject({
      module: 'nul',
      type: expect.stringMatching(/^(SyntaxError|ValueError)$/),
      hint: 'python.d/beside_nul/nul.py holds NUL bytes: it is not a text file, or was saved as UTF-16. Save it as UTF-8.',
    });
    expect(told.get('cmd')).toMatchObject({ module: null, type: 'interpreter-not-found' });
    expect(told.get('cmd')?.message).toMatch(
      /^cmd = "python-of-nobody" was not found on this worker's PATH \(.+\); install it or write an absolute path$/,
    );
    expect(told.get('cat')).toMatchObject({ module: null, type: 'interpreter-not-python' });
    expect(told.get('cat')?.message).toMatch(
      /^cmd = "\/bin\/cat" \(\/bin\/cat\) does not behave like Python \(.+\); name a Python interpreter$/s,
    );
  }

  it('are told by check, one line each, while the good ones run', async () => {
    const answer = await check(home.dir);
    expect([...answer.said].sort()).toEqual([...told].sort());
    expectFailures(answer.failures);
    const outcomes = answer.collectors.map(({ id, outcome }) => [id, outcome]);
    expect(Object.fromEntries(outcomes)).toEqual(Object.fromEntries(running.map((id) => [id, 'succeeded'])));
    expect(answer.code).toBe(1);
  });

  it('are told by a running fleet, one line each, while the good ones run', async () => {
    const up = await startUp(home.dir);
    try {
      const listing = await up.listed(running);
      expect(listing.problems.map(({ text }) => text).sort()).toEqual([...told].sort());
      expectFailures(listing.failures);
      expect(listing.collectors.map(({ id }) => id).sort()).toEqual([...running].sort());
    } finally {
      await up.stop();
    }
  });

  it('make check end with 2 when nothing is left to run, with 1 when something is', async () => {
    const lost = await makeHome({ 'conf.d/pythond.conf': block('lost', ['nowhere']) });
    const half = await makeHome({
      'conf.d/pythond.conf': block('half', ['nowhere', 'good']),
      'python.d/good/good.py': GOOD,
    });
    try {
      const [none, some] = await Promise.all([runCli(['check', '--home', lost.dir]), check(half.dir)]);
      expect(none.stderr).toContain(
        `conf.d/pythond.conf:1: block 1 ('lost'): dirs names nowhere, but there is no ${lost.dir}/python.d/nowhere. Create it, or correct the entry in dirs.\n`,
      );
      expect(none.stderr).toMatch(/There is nothing to check: no collector was found\.\n$/);
      expect([none.code, some.code]).toEqual([2, 1]);
      expect(some.collectors.map(({ outcome }) => outcome)).toEqual(['succeeded']);
    } finally {
      await lost.remove();
      await half.remove();
    }
  });
});

/** Every command that needs a Redis, and three that stand for all. */
const needRedis = [
  ['ls'],
  ['show', 'Demo'],
  ['run', 'Demo'],
  ['scheduler'],
  ['worker'],
  ['normalizer'],
  ['up'],
];
const some = [['ls'], ['worker'], ['up']];

describe('a Redis', () => {
  let home: TestHome;
  let redis: TestRedis;
  let front: FaultProxy;
  let web: Standin;
  beforeAll(async () => {
    home = await makeHome({
      'conf.d/pythond.conf': block('good', ['good']),
      'python.d/good/good.py': GOOD,
      'wrong-password': 'not-the-password\n',
    });
    [redis, web] = await Promise.all([startTestRedis(), startStandin()]);
    front = await startFaultProxy({ path: fileURLToPath(redis.target.url.replace('unix:', 'file:')) });
  });
  afterAll(async () => {
    await front?.close();
    await redis?.stop();
    await web?.close();
    await home?.remove();
  });

  /** Each command ends with 2 and says this last, and never the password. */
  async function refused(env: Readonly<Record<string, string>>, text: string | RegExp, commands = some) {
    await Promise.all(
      commands.map(async (command) => {
        const result = await runCli([...command, '--home', home.dir], { env });
        const last = result.stderr.trimEnd().split('\n').at(-1);
        expect({ command, code: result.code, last }).toEqual({
          ...{ command, code: 2 },
          last: typeof text === 'string' ? text : expect.stringMatching(text),
        });
        expect(result.stdout + result.stderr).not.toMatch(/not-the-password|\n\s+at /);
      }),
    );
  }

  it('whose port is closed ends every command with 2 and says where it was looked for', async () => {
    await refused(
      { REDIS_URL: `redis://:not-the-password@${CLOSED}/0` },
      `Redis at ${CLOSED} can't be reached (connect ECONNREFUSED ${CLOSED}). Start it, or correct REDIS_URL.`,
      needRedis,
    );
  });

  it('whose socket is not there ends a command with 2 and says where it was looked for', async () => {
    const socket = path.join(home.dir, 'no-redis.sock');
    await refused(
      { REDIS_URL: `unix://${socket}` },
      `Redis at unix socket ${socket} can't be reached (connect ENOENT ${socket}). Start it, or correct REDIS_URL.`,
      [['worker']],
    );
  });

  it('that refuses the password ends a command with 2 and says what to look at', async () => {
    const where = `127.0.0.1:${front.port}`;
    await refused(
      { REDIS_URL: `redis://:not-the-password@${where}` },
      `Redis at ${where} refused the login (WRONGPASS invalid username-password pair or user is disabled.). Check the user and password in REDIS_URL or the file that PYTHOND_REDIS_PASSWORD_FILE names.`,
    );
  });

  it('that refuses the password of a file, or wants one and is given none, is told alike', async () => {
    const REDIS_URL = `redis://127.0.0.1:${front.port}`;
    const commands = [['worker']];
    const file = path.join(home.dir, 'wrong-password');
    const env = { REDIS_URL, PYTHOND_REDIS_PASSWORD_FILE: file };
    await refused(
      env,
      /refused the login \(WRONGPASS .+\)\. Check the user and password in REDIS_URL/,
      commands,
    );
    await refused(
      { REDIS_URL },
      /refused the login \(NOAUTH .+\)\. Check the user and password in REDIS_URL/,
      commands,
    );
  });

  it('whose file with the password can not be read is told with the file', async () => {
    await refused(
      { REDIS_URL: `redis://${CLOSED}`, PYTHOND_REDIS_PASSWORD_FILE: '/nowhere/password' },
      "The file with the password of the Redis, /nowhere/password, can't be read (ENOENT). Correct PYTHOND_REDIS_PASSWORD_FILE (redis_password_file in pythond.toml), or let this user read it.",
      [['up']],
    );
  });

  it('that is none, but a web server, is told', async () => {
    await refused(
      { REDIS_URL: `redis://127.0.0.1:${web.port}` },
      new RegExp(
        `^Redis at 127\\.0\\.0\\.1:${web.port} can't be reached \\(.+\\)\\. Start it, or correct REDIS_URL\\.$`,
      ),
      [['worker']],
    );
  });

  it('whose URL is none is told before anything starts', async () => {
    await refused(
      { REDIS_URL: 'http://user:not-the-password@10.0.0.7:6379' },
      'environment: REDIS_URL must be redis://host:6379, rediss://host:6379, unix:///path, an absolute path, redis+sentinel://host:26379/NAME or redis+cluster://host:6379',
    );
  });

  it('that nobody named is asked for by the apps that need one, and not started by others than up', async () => {
    for (const app of ['scheduler', 'worker', 'normalizer']) {
      await refused(
        {},
        `The ${app} needs a Redis: set REDIS_URL, for example redis://localhost:6379. (\`pythond up\` brings its own.)`,
        [[app]],
      );
    }
    await refused(
      {},
      `No fleet runs in ${home.dir}. Start one with \`npm start\` or \`npx pythond up\`, or set REDIS_URL to the Redis of a fleet elsewhere.`,
      [['ls'], ['show', 'Demo']],
    );
  });
});

describe('a DataKit address', () => {
  let home: TestHome;
  beforeAll(async () => {
    home = await makeHome({
      'conf.d/pythond.conf': block('good', ['good']),
      'python.d/good/good.py': GOOD,
    });
  });
  afterAll(() => home.remove());

  const write = 'write http://10.0.0.5:9529';
  const cases = [
    ['http://user:s3cret@10.0.0.5:9529', `must hold no user or password: DataKit asks for none; ${write}`],
    [
      'http://10.0.0.5:9529/v1/write/metric',
      `must end after the port: the fleet adds the paths itself; ${write}`,
    ],
    [
      'http://10.0.0.5:9529\r\nX-Forged: 1',
      'must hold no white space, line break or control character; write http://host:port',
    ],
  ] as const;

  it.each(cases)('%j ends a command with 2 before anything starts', async (DATAKIT_URL, why) => {
    for (const command of [['check'], ['up']]) {
      const { code, stdout, stderr } = await runCli([...command, '--home', home.dir], {
        env: { DATAKIT_URL },
      });
      expect({ code, stdout, stderr }).toEqual({
        ...{ code: 2, stdout: '', stderr: `environment: DATAKIT_URL ${why}\n` },
      });
    }
  });

  it('is refused alike when it comes as a flag', async () => {
    for (const [command, flag, text] of [
      [
        'up',
        'http://user:s3cret@10.0.0.5:9529',
        'must hold no password: every user of the machine sees the flags of a command; set DATAKIT_URL instead',
      ],
      [
        'check',
        'http://10.0.0.5:9529/v1',
        `must end after the port: the fleet adds the paths itself; ${write}`,
      ],
    ] as const) {
      const { code, stderr } = await runCli([command, '--home', home.dir, '--datakit', flag]);
      expect({ code, stderr }).toEqual({ code: 2, stderr: `command line: --datakit ${text}\n` });
    }
  });

  it('is refused alike in pythond.toml, and in a block, which alone does not run', async () => {
    const url = 'http://user:s3cret@10.0.0.5:9529';
    const bad = await makeHome({
      'conf.d/pythond.conf': block('good', ['good']) + block('bad', ['good'], `  datakit = "${url}"`),
      'python.d/good/good.py': GOOD,
    });
    try {
      const answer = await check(bad.dir);
      expect(answer.collectors.map(({ id }) => id)).toEqual(['good/good/good:Good']);
      expect(answer.said[0]).toBe(
        `conf.d/pythond.conf:10: block 2 ('bad'): datakit must hold no user or password: DataKit asks for none; ${write}`,
      );
      expect(answer.code).toBe(1);
      await bad.write({ 'pythond.toml': `\ndatakit_url = "${url}"\n` });
      const { code, stderr } = await runCli(['check', '--home', bad.dir]);
      expect({ code, stderr }).toEqual({
        code: 2,
        stderr: `pythond.toml:2: datakit_url must hold no user or password: DataKit asks for none; ${write}\n`,
      });
    } finally {
      await bad.remove();
    }
  });

  it('where nobody listens is told by check, which still shows what would be sent', async () => {
    const answer = await check(home.dir, { args: ['--datakit', `http://${CLOSED}`] });
    expect(answer.collectors[0]?.reports[0]).toMatchObject({
      lineProtocol: expect.stringMatching(/^good up=1 \d{19}$/),
      echoError: `http://${CLOSED} can't be asked what it would store: nobody listens: connect ECONNREFUSED ${CLOSED}`,
    });
    expect(answer.code).toBe(1);
  });

  it('where nobody listens does not keep a fleet from running, and it says that points wait', async () => {
    const { code, stdout } = await runCli(['up', '--once', '--home', home.dir], {
      env: { DATAKIT_URL: `http://${CLOSED}` },
    });
    expect(stdout).toContain(`DataKit  http://${CLOSED} (silent now; points wait until it answers)`);
    expect(stdout).toMatch(
      / … 1 point of metric kept for http:\/\/127\.0\.0\.1:1, to be tried again: nobody listens: connect ECONNREFUSED/,
    );
    expect(code).toBe(1);
  });
});

describe('a home', () => {
  it('without a conf.d ends the commands that run it with 2, and nothing is made there', async () => {
    const empty = await makeHome({});
    try {
      for (const [command, home] of [
        ['check', empty.dir],
        ['up', path.join(empty.dir, 'misspelt')],
        ['scheduler', '/etc/passwd'],
      ] as const) {
        const { code, stderr } = await runCli([command, '--home', home]);
        expect({ code, stderr }).toEqual({
          code: 2,
          stderr: `${home} has no conf.d, so it is not a home of pythond. Name one with --home or PYTHOND_HOME, or make ${home}/conf.d/pythond.conf.\n`,
        });
      }
      const { code, stderr } = await runCli(['ls'], { env: { PYTHOND_HOME: '/etc/passwd' } });
      expect(code).toBe(2);
      expect(stderr).toContain(
        '/etc/passwd has no conf.d, so it is not a home of pythond; name one with --home',
      );
      expect(execFileSync('ls', ['-A', empty.dir]).toString()).toBe('');
    } finally {
      await empty.remove();
    }
  });

  it('without a usable block ends check with 2, and says what is wrong', async () => {
    const home = await makeHome({ 'conf.d/pythond.conf': block('web', []) });
    try {
      const { code, stdout, stderr } = await runCli(['check', '--home', home.dir]);
      expect({ code, stdout, stderr }).toEqual({
        ...{ code: 2, stdout: '' },
        stderr: `conf.d/pythond.conf:4: block 1 ('web'): dirs must have at least one entry, not []; write dirs = ["Demo"]\nThere is nothing to check: no usable [[inputs.pythond]] block in ${home.dir}/conf.d.\n`,
      });
    } finally {
      await home.remove();
    }
  });
});
