import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { defaultPolicy } from '@pythond/sandbox';
import { afterEach, describe, expect, it } from 'vitest';
import { block, makeHome, readConf, readHome, removeHomes } from './home.test-kit.ts';

afterEach(removeHomes);

const P = 'conf.d/pythond.conf';
const B = "block 1 ('web')";
const texts = async (lines: string, env: Record<string, string> = {}) =>
  (await readConf(block(lines), env)).texts;

describe('a block', () => {
  it('of the keys that it needs gets the default of every other', async () => {
    const { inputs, texts } = await readConf(block());
    expect(texts).toEqual([]);
    expect(inputs).toEqual([
      {
        ...{ key: 'web', name: 'web', source: { file: P, block: 1, line: 1 } },
        ...{ cmd: 'python3', dirs: ['Demo'], files: [], envs: null, tags: {} },
        ...{
          intervalMs: null,
          timeoutMs: null,
          isolation: null,
          scope: 'fleet',
          state: true,
          pool: 'default',
        },
        ...{ datakit: null, destinations: null, align: false, paused: false, integers: 'float' },
        policy: defaultPolicy,
      },
    ]);
  });

  it('with every key of ours gives every value', async () => {
    const { inputs, texts } = await readConf(
      block(`
envs = ["A=b", "C=$D=e", "EMPTY="]
tags = { team = "db", secret = "file:///run/secrets/x" }
interval = "1m30s"
timeout = 90
isolation = "run"
scope = "host"
state = false
pool = "slow-1"
datakit = "http://10.0.0.5:9529/"
destinations = ["10.0.0.6", "h:*", "10.0.0.6:9529"]
files = ["data/hosts.csv"]
align = true
paused = true
integers = "int"
network = false
subprocess = false
unix_sockets = true
listen = true
read_paths = ["/var/log"]
write_paths = ["/var/tmp/x"]
memory = "1GB"
cpu = "10s"
max_processes = 8
max_open_files = 64
tmp_size = 1048576
user = 1000
env_allow = ["ORACLE_HOME"]
sandbox = "none"
`),
    );
    expect(texts).toEqual([]);
    expect(inputs[0]).toMatchObject({
      envs: ['A=b', 'C=$D=e', 'EMPTY='],
      tags: { team: 'db', secret: 'file:///run/secrets/x' },
      ...{
        intervalMs: 90_000,
        timeoutMs: 90_000,
        isolation: 'run',
        scope: 'host',
        state: false,
        pool: 'slow-1',
      },
      ...{
        datakit: 'http://10.0.0.5:9529',
        destinations: ['10.0.0.6:9529', 'h:*'],
        files: ['data/hosts.csv'],
      },
      ...{ align: true, paused: true, integers: 'int' },
      policy: {
        ...{ sandbox: 'none', network: false, subprocess: false, unixSockets: true, listen: true },
        ...{ readPaths: ['/var/log'], writePaths: ['/var/tmp/x'], memoryBytes: 1e9, cpuMs: 10_000 },
        ...{
          maxProcesses: 8,
          maxOpenFiles: 64,
          tmpBytes: 1_048_576,
          user: '1000',
          envAllow: ['ORACLE_HOME'],
        },
      },
    });
  });

  it('loses alone when it is wrong, with every one of its problems told at its line', async () => {
    const { inputs, texts } = await readConf(
      `${block('interval = 0\npaused = "yes"\ncolour = 1\nenvs = ["OK=1", "TOKEN", "=x", "SECRET hunter2"]')}\n${block('', 'fine')}`,
    );
    expect(inputs.map(({ key }) => key)).toEqual(['fine']);
    expect(texts).toEqual([
      `${P}:7: warning: ${B}: the key 'colour' is not known and is ignored; remove it`,
      `${P}:8: ${B}: envs has a wrong entry 2: it must not lack the "=" after a name, as TOKEN does; write "TOKEN=value"`,
      `${P}:8: ${B}: envs has a wrong entry 3: it must not lack the "=" after a name; write "KEY=value"`,
      `${P}:8: ${B}: envs has a wrong entry 4: it must not lack the "=" after a name, as SECRET… does; write "SECRET=value"`,
      `${P}:5: ${B}: interval must be seconds above 0 (10, 2.5) or a duration ("10s", "1m30s", "500ms", "2h"), not 0; write interval = 10, or leave the key out to let each class decide`,
      `${P}:6: ${B}: paused must be true or false, without quotation marks, not "yes"`,
    ]);
  });

  it('lacks nothing silently: a missing name or dirs is an error, a missing cmd a warning', async () => {
    const { inputs, texts } = await readConf(
      '[[inputs.pythond]]\n\n[[inputs.pythond]]\nname = "b"\ndirs = ["x"]\n',
    );
    expect(inputs).toMatchObject([{ name: 'b', cmd: 'python3' }]);
    expect(texts).toEqual([
      `${P}:1: block 1: name is missing; write name = 'some-python-inputs'`,
      `${P}:1: warning: block 1: cmd is missing; python3 is used; write cmd = "python3"`,
      `${P}:1: block 1: dirs is missing; write dirs = ["Demo"]`,
      `${P}:3: warning: block 2 ('b'): cmd is missing; python3 is used; write cmd = "python3"`,
    ]);
  });

  it.each([
    ['dirs = []', 'dirs must have at least one entry, not []; write dirs = ["Demo"]'],
    ['dirs = "Demo"', 'dirs must be a list, not "Demo"; write ["Demo"]'],
    [
      'dirs = ["a", ""]',
      'dirs has a wrong entry 2: it must be a string that is not empty, not an empty string',
    ],
    ['dirs = [5]', 'dirs has a wrong entry 1: it must be a string that is not empty, not 5'],
    ['dirs = ["a\\u0000"]', 'dirs has a wrong entry 1: it must not hold the character U+0000'],
  ])('with %s is refused', async (line, message) => {
    const { texts } = await readConf(`[[inputs.pythond]]\nname = "web"\ncmd = "p"\n${line}\n`);
    expect(texts).toEqual([`${P}:4: ${B}: ${message}`]);
  });

  it.each([
    [
      'interval = "1ms"',
      'warning',
      'interval ("1ms") is below the least possible; 100ms is used; write "100ms"',
    ],
    ['interval = "1y"', '', 'not "1y"'],
    ['interval = -1', '', 'not -1'],
    ['interval = 1e309', '', 'not 1e309'],
    ['interval = nan', '', 'not nan'],
    ['interval = "3660d"', '', 'interval must be at most 366d, not "3660d"'],
    ['interval = [1]', '', 'not [1]'],
    ['interval = 2024-01-01', '', 'not 2024-01-01'],
    ['timeout = 0', '', 'write timeout = "5m"'],
    ['isolation = "thread"', '', 'isolation must be "auto", "run" or "resident", not "thread"'],
    ['scope = "world"', '', 'scope must be "fleet" or "host", not "world"'],
    ['pool = "a b"', '', 'pool must be 1 to 64 letters, digits, hyphens and underscores, not "a b"'],
    ['pool = "a\\n"', '', 'pool must be 1 to 64 letters, digits, hyphens and underscores'],
    ['memory = "512M"', '', 'not "512M"; write memory = "512MiB"'],
    ['memory = "1MiB"', '', 'memory must be at least 16MiB, not "1MiB"'],
    ['max_processes = 0', '', 'max_processes must be a whole number from 1 to 32768, not 0'],
    ['max_open_files = 99999999999999999999', '', 'not 99999999999999999999'],
    ['read_paths = ["/a", "b"]', '', "read_paths has a wrong entry 2: it must be an absolute path, not 'b'"],
    ['write_paths = ["/a/../b"]', '', "must not hold '..'"],
    ['user = "x y"', '', 'user must be the name of a user or a uid, not "x y"'],
    ['env_allow = ["REDIS_URL"]', '', 'it must not be REDIS_URL: it opens the fleet itself'],
    ['env_allow = ["a-b"]', '', 'must be the name of a variable'],
    ['destinations = ["http://h"]', '', 'it must be "host", "host:port" or "host:*", not \'http://h\''],
    ['tags = ["a"]', '', 'tags must be a table of strings; write tags = { team = "db" }'],
    ['tags = { a = 5 }', '', "tags must hold strings only, and its 'a' is none; put it in quotes"],
    ['envs = "A=b"', '', 'envs must be a list of "KEY=value"; write envs = ["KEY=value"]'],
  ])('with %s gets a clear message', async (line, level, message) => {
    const found = await texts(line);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(`${P}:5: ${level ? `${level}: ` : ''}${B}: `);
    expect(found[0]).toContain(message);
  });

  it('with an address that holds a password or a token does not repeat it', async () => {
    const found = await texts('datakit = "http://u:hunter2@h?token=hunter2"');
    expect(found).toEqual([
      `${P}:5: ${B}: datakit must hold no user or password: DataKit asks for none; write http://h`,
    ]);
  });

  it('with a key that is nearly one of ours is asked whether it was meant, and runs', async () => {
    const { inputs, texts } = await readConf(block('intervall = 10\nxyzzy = 1'));
    expect(inputs).toHaveLength(1);
    expect(texts).toEqual([
      `${P}:5: warning: ${B}: the key 'intervall' is not known and is ignored; did you mean interval?`,
      `${P}:6: warning: ${B}: the key 'xyzzy' is not known and is ignored; remove it`,
    ]);
  });

  it('with hundreds of unknown keys is not told of each', async () => {
    const found = await texts(Array.from({ length: 300 }, (_, i) => `zzz${i}zzz = 1`).join('\n'));
    expect(found).toHaveLength(11);
    expect(found.at(-1)).toBe(`${P}:1: warning: ${B}: 290 more keys are not known and are ignored`);
  });

  it('may write a key in capitals, as DataKit allows', async () => {
    const { inputs, texts } = await readConf(
      '[[inputs.pythond]]\nName = "web"\nCMD = "p"\ndirs = ["d"]\nDirs = ["x"]\n',
    );
    expect(inputs).toMatchObject([{ name: 'web', cmd: 'p', dirs: ['d'] }]);
    expect(texts).toEqual([
      `${P}:2: warning: ${B}: Name is taken for name; write name`,
      `${P}:3: warning: ${B}: CMD is taken for cmd; write cmd`,
      `${P}:5: warning: ${B}: the key 'Dirs' is not known and is ignored; did you mean dirs?`,
    ]);
  });

  it('is told the lines of its keys, whatever stands between them', async () => {
    const lines = [
      '# interval = "comment"',
      'tags = { a = """',
      'interval = "in a string"',
      '""" }',
      'files = [ # interval = 1',
      '  "interval = 2",',
      ']',
      '"interval" = 0',
      "  [inputs.pythond.'bad one']",
      '  interval = 3',
    ];
    const found = await texts(lines.join('\n'));
    expect(found.map((text) => text.split(': ')[0])).toEqual([`${P}:13`, `${P}:12`]);
  });
});

describe("a block's name", () => {
  const named = async (name: string) => readConf(block().replace("'web'", name));

  it('loses its white space, as in DataKit', async () => {
    expect((await named('" my\\tna me\\r\\n"')).inputs[0]?.name).toBe('myname');
  });

  it.each([
    ['""', 'block 1: name must not be empty'],
    ['" \\t"', 'block 1: name must not be empty'],
    ['5', 'block 1: name must be a string, not 5'],
    ['"a\\u0007"', 'block 1: name must not hold the character U+0007; retype the name'],
    ['"a\\u202Eb"', 'block 1: name must not hold the character U+202E; retype the name'],
    [`"${'é'.repeat(65)}"`, 'block 1: name must be at most 128 bytes'],
  ])('may not be %s', async (name, message) => {
    const { inputs, texts } = await named(name);
    expect(inputs).toEqual([]);
    expect(texts[0]).toContain(message);
  });

  it.each([
    ["'../x'", '../x', '..%2Fx'],
    ["'/etc'", '/etc', '%2Fetc'],
    ["'a:b@c%d'", 'a:b@c%d', 'a%3Ab%40c%25d'],
    ["'CON'", 'CON', 'CON'],
    ["'-rf'", '-rf', '-rf'],
    ["'раypal'", 'раypal', 'раypal'],
    ['"a\\u00A0b"', 'a\u00a0b', 'a%C2%A0b'],
    ["'$(x)'", '$(x)', '$(x)'],
  ])('may be %s', async (written, name, key) => {
    expect((await named(written)).inputs).toMatchObject([{ name, key }]);
  });
});

describe('a variable in a block', () => {
  it('works without quotation marks too', async () => {
    const { inputs, texts } = await readConf(
      block(`interval = $INTERVAL\nfiles = $FILES\npool = "p-\${POOL}"\nenvs = ["X=$INTERVAL"]`),
      { INTERVAL: '2.5', FILES: "['a', 'b']", POOL: '1' },
    );
    expect(texts).toEqual([]);
    expect(inputs[0]).toMatchObject({
      intervalMs: 2500,
      files: ['a', 'b'],
      pool: 'p-1',
      envs: ['X=$INTERVAL'],
    });
  });

  it('that does not exist is warned of, and makes a wrong value in its own block alone', async () => {
    const { inputs, texts } = await readConf(
      `${block('interval = $INTERVAL')}${block('files = ["$A/x"]', 'b')}`,
    );
    expect(inputs).toMatchObject([{ name: 'b', files: ['$A/x'] }]);
    expect(texts[0]).toBe(
      `${P}:5: warning: ${B}: interval holds $INTERVAL, which stays as it is: the scheduler's environment has no such variable`,
    );
    expect(texts[1]).toMatch(/interval must be .*, not \$INTERVAL; write interval = 10/);
    expect(texts[2]).toContain(`${P}:10: warning: block 2 ('b'): files holds $A`);
  });

  it('is shown as it is written, never as what it holds', async () => {
    const env = { SECRET: 'hunter2' };
    const lines = `interval = "$SECRET"\npool = "a \${SECRET}"\ndestinations = ["/$SECRET"]\nuser = "$SECRET x"\nread_paths = ["$SECRET"]\ndatakit = "$SECRET"\ncpu = $SECRET`;
    const found = await texts(lines, env);
    expect(found.join('\n')).not.toContain('hunter2');
    expect(found.filter((text) => text.includes('SECRET'))).toHaveLength(4);
    const inline =
      'inputs.pythond = [{ name = "$SECRET", dirs = "$SECRET", datakit = "$SECRET", cpu = "$SECRET" }]';
    expect((await readConf(inline, env)).texts.join()).not.toContain('hunter2');
    expect((await readConf(block('cpu = "$SECRET"\nx = [', 'web'), env)).texts.join()).not.toContain(
      'hunter2',
    );
  });

  it('that opens the fleet is expanded nowhere, and warned of', async () => {
    const { inputs, texts } = await readConf(block('tags = { a = "$REDIS_URL" }'), {
      REDIS_URL: 'redis://:hunter2@h',
    });
    expect(inputs[0]?.tags).toEqual({ a: '$REDIS_URL' });
    expect(texts).toEqual([
      `${P}:5: warning: ${B}: tags holds $REDIS_URL, which stays as it is: it opens the fleet itself and is expanded nowhere`,
    ]);
  });

  it('may bring whole blocks, which are told at the line that brought them', async () => {
    const { inputs, texts } = await readConf(`# pythond\n\n$BLOCKS\n${block('x = 1', 'own')}`, {
      BLOCKS: `${block('', 'one')}\n${block('oops = 1', 'two')}`,
    });
    expect(inputs.map(({ name, source }) => [name, source.line])).toEqual([
      ['one', 3],
      ['two', 3],
      ['own', 4],
    ]);
    expect(texts.map((text) => text.split(': ')[0])).toEqual([`${P}:3`, `${P}:8`]);
  });
});

describe('ENC[…] in a block', () => {
  async function withSecret(lines: string) {
    const home = await makeHome({
      [P]: block(lines),
      'secrets/pool': 'fast\n',
      'secrets/bad': 'hunter2 hunter2',
    });
    return readHome(home, { HOME_DIR: home });
  }

  it('is read from a file outside of envs and tags, and kept there', async () => {
    const { inputs, texts } = await withSecret(
      `pool = "ENC[file://\${HOME_DIR}/secrets/pool]"\nenvs = ["A=ENC[file:///run/secrets/a]"]\ntags = {b = "ENC[file:///run/secrets/b]"}`,
    );
    expect(texts).toEqual([]);
    expect(inputs[0]).toMatchObject({
      pool: 'fast',
      envs: ['A=ENC[file:///run/secrets/a]'],
      tags: { b: 'ENC[file:///run/secrets/b]' },
    });
  });

  it('that gives a wrong value does not show it', async () => {
    const { texts } = await withSecret('pool = "ENC[file://$HOME_DIR/secrets/bad]"');
    expect(texts).toEqual([
      `${P}:5: ${B}: pool must be 1 to 64 letters, digits, hyphens and underscores, not "ENC[file://$HOME_DIR/secrets/bad]"; write pool = "default"`,
    ]);
  });

  it('that can not be read is an error of its block', async () => {
    const { texts } = await withSecret(
      'pool = "ENC[file:///proc/self/environ]"\nuser = ENC[file://$HOME_DIR/secrets/none]',
    );
    expect(texts).toHaveLength(2);
    expect(texts[0]).toMatch(
      /pool holds an ENC\[file:…\] that can't be read: secrets are read from \/run\/secrets, .*\/secrets only; put the file there, or name its folder in secrets_dirs$/,
    );
    expect(texts[1]).toMatch(/user holds an ENC\[file:…\] that can't be read: there is no such file$/);
  });

  it.each(['pool = "ENC[aes://abc=]"', 'envs = ["A=ENC[aes://abc=]"]', 'tags = { a = "x ENC[aes://abc=]" }'])(
    'of a cipher is told to be not supported: %s',
    async (line) => {
      const { inputs, texts } = await withSecret(line);
      expect(inputs).toEqual([]);
      expect(texts[0]).toContain(
        "holds an ENC[aes:…], which is not supported: the fleet has no DataKit's key; put the plain value into a file and write ENC[file:///path]",
      );
    },
  );

  it('in a name is used, and not shown in a message', async () => {
    const home = await makeHome({ 'secrets/n': 'hunter2' });
    await mkdir(join(home, 'conf.d'));
    const name = `name = "ENC[file://${home}/secrets/n]"`;
    await writeFile(join(home, P), block('oops = 1').replace("name = 'web'", name));
    const { inputs, texts } = await readHome(home);
    expect(inputs[0]?.name).toBe('hunter2');
    expect(texts).toEqual([
      `${P}:5: warning: block 1: the key 'oops' is not known and is ignored; remove it`,
    ]);
  });
});
