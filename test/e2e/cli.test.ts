import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { check } from '../support/check.ts';
import { type CliResult, runCli, startCli } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';
import { block, copyHome, makeHome, type TestHome } from '../support/home.ts';
import { startUp, type TestUp } from '../support/up.ts';

vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 });

const ESCAPE = '\u001b';
/** What can drive a terminal or garble its lines; newlines and tabs are what a text may have. */
const DRIVING = /[^\P{Cc}\n\t]|[\p{Zl}\p{Zp}\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/u;

const longest = (text: string) => Math.max(...text.split('\n').map((line) => [...line].length));

describe('--help', () => {
  /** Of every command that the help of another one lists, and of none: its words, its help. */
  const found: { readonly command: readonly string[]; readonly help: CliResult }[] = [];
  beforeAll(async () => {
    const todo: string[][] = [[]];
    for (let command = todo.pop(); command !== undefined; command = todo.pop()) {
      const help = await runCli([...command, '--help']);
      found.push({ command, help });
      const listed = help.stdout.split('\nCommands:\n')[1] ?? '';
      const names = [...listed.matchAll(/^ {2}([a-z][a-z-]*)/gm)].map(([, name = '']) => name);
      todo.push(...names.filter((name) => name !== 'help').map((name) => [...(command ?? []), name]));
    }
  });

  it('lists the commands', () => {
    const names = found.map(({ command }) => command.join(' '));
    expect(names).toEqual(
      expect.arrayContaining([
        ...[
          'up',
          'check',
          'normalize',
          'ls',
          'show',
          'run',
          'pause',
          'resume',
          'workers',
          'scheduler',
          'worker',
          'normalizer',
        ],
        'datakit-standin',
      ]),
    );
  });

  it('of every command fits 80 columns, and has an example or the exit codes', () => {
    for (const { command, help } of found) {
      expect({ command, ...help }).toMatchObject({ command, code: 0, stderr: '' });
      expect(longest(help.stdout), command.join(' ')).toBeLessThanOrEqual(80);
      expect(help.stdout).toMatch(/^Usage: pythond /);
      expect(help.stdout).toMatch(/\nExit codes: 0 |\n {2}\$ |\nCommands:\n/);
    }
  });
});

describe('a reader that has enough', () => {
  it('is no error', async () => {
    const point = { measurement: 'm', tags: { long: 'x'.repeat(100) }, fields: { v: 1 }, time: 1 };
    const input = JSON.stringify(Array(5_000).fill(point)); // more than a pipe holds
    const cli = startCli(['normalize', '--category', 'metric'], { input });
    cli.process.stdout?.destroy();
    expect(await cli.ended).toEqual({ code: 0, stdout: '', stderr: '' });
  });
});

describe('wrong usage', () => {
  it.each([
    [['nonsense'], "error: unknown command 'nonsense'"],
    [['chek'], "error: unknown command 'chek'\n(Did you mean check?)"],
    [['check', '--nonsense'], "error: unknown option '--nonsense'"],
    [['ls', '--jsn'], "error: unknown option '--jsn'\n(Did you mean --json?)"],
    [['show'], "error: missing required argument 'collector'"],
    [['up', 'extra'], "error: too many arguments for 'up'. Expected 0 arguments but got 1."],
    [
      ['show', 'x', '--runs', '0'],
      "error: option '--runs <n>' argument '0' is invalid. It must be a whole number from 1 to 100.",
    ],
    [['normalize'], "error: required option '--category <name>' not specified"],
    [
      ['normalize', '--category', 'metric', '--integers', 'long'],
      "error: option '--integers <form>' argument 'long' is invalid. Allowed choices are float, int.",
    ],
  ])('%j ends with 2 and says what to do', async (args, text) => {
    const { code, stdout, stderr } = await runCli(args);
    expect({ code, stdout, stderr }).toEqual({
      ...{ code: 2, stdout: '', stderr: `${text}\nAdd --help to see what there is.\n` },
    });
  });

  it('without any command ends with 2 and shows the help', async () => {
    const { code, stdout, stderr } = await runCli([]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^Usage: pythond \[options\] \[command\]\n/);
  });
});

describe('normalize', () => {
  const normalize = (points: string, ...args: string[]) => runCli(['normalize', ...args], { input: points });
  const json = async (points: string, ...args: string[]) => {
    const { code, stdout, stderr } = await normalize(points, '--json', ...args);
    expect(stderr).toBe('');
    return { code, ...(JSON.parse(stdout) as object) };
  };
  const at = 1_700_000_000;

  it('gives line protocol, and tells what DataKit would not store', async () => {
    const point = { measurement: 'm', tags: { t: 'a b' }, fields: { i: 1, s: 'x', n: null }, time: at };
    expect(await json(JSON.stringify([point]), '--category', 'metric')).toEqual({
      code: 0,
      lineProtocol: `m,t=a\\ b i=1 ${at}000000000`,
      rejected: [],
      warnings: [
        {
          ...{ index: 0, code: 'string-field-dropped' },
          message: 'the field "s" is text, which DataKit does not store in a metric',
        },
        { index: 0, code: 'field-dropped', message: 'the field "n" is not stored: it is null' },
      ],
    });
  });

  it('takes the precision and the form of integers', async () => {
    const points = JSON.stringify([{ measurement: 'm', fields: { i: 1 }, time: at }]);
    expect(await json(points, '--category', 'logging', '--precision', 'ms')).toMatchObject({
      lineProtocol: `m i=1,status="info" ${at}000000`,
    });
    expect(await json(points, '--category', 'logging', '--integers', 'int')).toMatchObject({
      lineProtocol: `m i=1i,status="info" ${at}000000000`,
    });
  });

  it('ends with 1 when DataKit would refuse a point, and still gives the others', async () => {
    const points = `[{"measurement":"m","fields":{"i":1},"time":${at}},{"measurement":"m","fields":{"i":NaN}},5]`;
    expect(await json(points, '--category', 'metric')).toEqual({
      code: 1,
      lineProtocol: `m i=1 ${at}000000000`,
      rejected: [
        {
          ...{ index: 1, code: 'not-finite' },
          reason: 'the field "i" is NaN, which no stored number can be',
        },
        { index: 2, code: 'not-an-object', reason: 'a point must be an object, this is the number 5' },
      ],
      warnings: [],
    });
  });

  it('without --json prints the lines alone, and what is wrong beside them', async () => {
    const points = `[{"measurement":"m","fields":{"i":1,"s":"x"},"time":${at}},5]`;
    expect(await normalize(points, '--category', 'metric')).toEqual({
      code: 1,
      stdout: `m i=1 ${at}000000000\n`,
      stderr: [
        'point 1 would be refused (not-an-object): a point must be an object, this is the number 5',
        'point 0: the field "s" is text, which DataKit does not store in a metric (string-field-dropped)',
        '',
      ].join('\n'),
    });
    expect(await normalize('{}', '--category', 'metric')).toEqual({
      ...{ code: 1, stdout: '' },
      stderr:
        'the list would be refused (not-an-array): a report must be a list of points, this is an object\n',
    });
  });

  it('ends with 2 for what is no JSON and for a category that is none', async () => {
    expect(await normalize('nope', '--category', 'metric')).toEqual({
      ...{ code: 2, stdout: '' },
      stderr: 'Standard input is not JSON: unexpected "n" where a value must stand at position 0\n',
    });
    expect(await normalize('[]', '--category', 'metrics')).toEqual({
      ...{ code: 2, stdout: '' },
      stderr: expect.stringMatching(
        /^--category metrics is none of DataKit's: metric, logging, object, .+\n$/,
      ),
    });
  });

  it('takes an empty list for what it is', async () => {
    expect(await json('[]', '--category', 'metric')).toEqual({
      ...{ code: 0, lineProtocol: '', rejected: [], warnings: [] },
    });
  });
});

describe('check', () => {
  const script = (body: string) =>
    `from datakit_framework import DataKitFramework\n\n\nclass A(DataKitFramework):\n    def run(self):\n        ${body}\n`;

  it.each([
    [0, 'its collector succeeds', "self.feed_metric(measurement='m', fields={'a': 1})"],
    [1, 'its collector raises', "raise ValueError('no')"],
    [
      1,
      'its collector reports what DataKit would refuse',
      "self.feed_metric(measurement='m', fields={'a': 'x'})",
    ],
  ])('ends with %i when %s', async (code, _, body) => {
    const home = await makeHome({ 'conf.d/a.conf': block('a', ['a']), 'python.d/a/a.py': script(body) });
    const answer = await check(home.dir);
    await home.remove();
    expect(answer.code).toBe(code);
  });

  it('ends with 2 when what was asked for is not there', async () => {
    const home = await makeHome({ 'conf.d/a.conf': block('a', ['a']), 'python.d/a/a.py': script('pass') });
    const { code, stdout, stderr } = await runCli(['check', 'nobody', '--json', '--home', home.dir]);
    await home.remove();
    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toEqual({ collectors: [], failures: [] });
    expect(stderr).toMatch(/There is nothing to check: no collector is called nobody\.\n$/);
  });
});

describe('with hostile scripts and names without end,', () => {
  const input =
    'an-input-whose-name-is-nearly-as-long-as-a-name-may-be-which-is-one-hundred-and-twenty-eight-bytes-and-no-more';
  const folder = 'a-folder-whose-name-goes-on-and-on-and-does-not-end-before-it-has-filled-a-whole-line';
  const module = 'and_below.a_module_with_a_name_that_is_not_short_either';
  const long = ['First', 'Second'].map(
    (which) => `${input}/${folder}/${module}:OneOfTwoCollectorsThe${which}`,
  );
  const hostile = 'hostile/hostile/hostile:Hostile';

  let home: TestHome;
  let up: TestUp;
  beforeAll(async () => {
    home = await copyHome('hostile-home');
    up = await startUp(home.dir);
    await up.listed([...long, hostile]);
  });
  afterAll(async () => {
    await up?.stop();
    await home?.remove();
  });

  const look = (args: readonly string[], env: Readonly<Record<string, string | undefined>> = {}) =>
    runCli([...args, '--home', home.dir], { env: { ...up.env, ...env } });
  const inTerminal = (columns: number, args: readonly string[], env: object = {}) =>
    runCli([...args, '--home', home.dir], {
      env: { ...up.env, TERM: 'xterm-256color', NO_COLOR: undefined, ...env },
      terminal: columns,
    });

  /** The lines of the table in an answer: up to the first that is none of it. */
  function tableOf({ stdout }: CliResult, title: string): string[] {
    const lines = stdout.replaceAll('\r', '').split('\n');
    const first = lines.findIndex((line) => line.includes(title));
    expect(first, stdout).toBeGreaterThanOrEqual(0);
    const length = lines.slice(first).findIndex((line) => /^[✗!]|^$/.test(line));
    return lines.slice(first, first + length);
  }

  it('ls fits 80 columns, and tells collectors apart whose ids differ at their ends', async () => {
    const table = tableOf(await look(['ls']), 'COLLECTOR');
    expect(table).toHaveLength(5);
    expect(longest(table.join('\n'))).toBeLessThanOrEqual(80);
    expect(table[0]).toMatch(/^COLLECTOR +EVERY +LAST +ENDED +TOOK +OK +BAD +SKIP$/);
    const rows = table.slice(1).map((line) => line.split(/ {2,}/).slice(0, 3));
    expect(new Set(rows.map(([id]) => id)).size).toBe(4);
    expect(rows.map((row) => row.slice(1))).toEqual(
      expect.arrayContaining([
        ['1 h', 'succeeded'],
        ['1 h', 'failed'],
      ]),
    );
  });

  it('ls uses the columns that a terminal has, and 80 of one that does not know', async () => {
    const [wide, unknown] = await Promise.all(
      [132, 0].map(async (columns) => {
        const result = await inTerminal(columns, ['ls'], { NO_COLOR: '1' });
        return longest(tableOf(result, 'COLLECTOR').join('\n'));
      }),
    );
    expect({ wide, unknown }).toEqual({ wide: 132, unknown: 80 });
  });

  it('show fits its table into 80 columns', async () => {
    const result = await look(['show', 'TheFirst']);
    expect(result.stdout.split('\n')[0]).toBe(long[0]);
    const table = tableOf(result, 'OUTCOME');
    expect(table.length).toBeGreaterThanOrEqual(2);
    expect(longest(table.join('\n'))).toBeLessThanOrEqual(80);
  });

  it('what a script printed, raised or reported can not drive the terminal', async () => {
    const results = await Promise.all([
      look(['ls']),
      look(['show', hostile]),
      look(['run', hostile]),
      runCli(['check', '--home', home.dir]),
    ]);
    for (const { stdout, stderr } of [...results, { stdout: up.cli.stdout(), stderr: up.cli.stderr() }]) {
      expect(stdout + stderr).not.toMatch(DRIVING);
    }
    const [listed, shown, ran, checked] = results.map(({ stdout }) => stdout);
    expect(listed).toContain(
      String.raw`✗ hostile: module broken: RuntimeError: at the import\x1b[2J\x9b32m\u{202e}`,
    );
    for (const text of [shown, ran, checked]) {
      expect(text).toContain(
        String.raw`printed\x1b[2J\x1b]0;owned\x07\x1b[31m\x9b32m\u{202e}reversed\u{2028}`,
      );
      expect(text).toContain('\ttabbed\n    another line\n');
      expect(text).toContain(String.raw`run() raised Raised\x1b[2J`);
    }
    expect(results.map(({ code }) => code)).toEqual([0, 0, 1, 1]);
  });

  it('JSON has it all, in a form that drives no terminal either', async () => {
    const results = await Promise.all([
      look(['ls', '--json']),
      look(['show', hostile, '--json']),
      look(['run', hostile, '--json']),
      runCli(['check', '--home', home.dir, '--json']),
    ]);
    for (const { stdout } of results) expect(stdout).not.toMatch(DRIVING);
    const [listed, shown, ran, checked] = results.map(({ stdout }) => JSON.parse(stdout));
    const printed =
      'printed\u001b[2J\u001b]0;owned\u0007\u001b[31m\u009b32m\u202ereversed\u2028\b\r\ttabbed\nanother line\n';
    expect(listed.failures[0].message).toBe('at the import\u001b[2J\u009b32m\u202e');
    expect(shown.runs[0].stdout).toBe(printed);
    expect(ran.stdout).toBe(printed);
    expect(checked.collectors[0].stdout).toBe(printed);
  });

  it('a part of an id that fits several is answered with all of them, one that fits none with what to do', async () => {
    const [several, none] = await Promise.all([look(['show', 'OneOfTwo']), look(['run', 'nobody'])]);
    expect(several).toEqual({
      ...{ code: 2, stdout: '' },
      stderr: `OneOfTwo fits 2 collectors; write more of the id:\n  ${[...long].sort().join('\n  ')}\n`,
    });
    expect(none).toEqual({
      ...{ code: 2, stdout: '', stderr: 'No collector is called nobody; `pythond ls` lists them.\n' },
    });
  });

  describe('colours', () => {
    const commands = [['ls'], ['show', 'TheFirst'], ['check', 'TheFirst']];

    it('are not in a pipe, whatever the environment says of them', async () => {
      for (const command of commands) {
        const env = { NO_COLOR: undefined, FORCE_COLOR: '1', CLICOLOR_FORCE: '1', TERM: 'xterm-256color' };
        const { code, stdout, stderr } = await look(command, env);
        expect({ command, code }).toEqual({ command, code: 0 });
        expect(stdout + stderr).not.toContain(ESCAPE);
      }
    });

    it('are on a terminal, but not with NO_COLOR and not on a dumb one', async () => {
      for (const command of commands) {
        const shown = await Promise.all(
          [{}, { NO_COLOR: '1' }, { TERM: 'dumb' }].map((env) => inTerminal(100, command, env)),
        );
        expect(shown.map(({ code }) => code)).toEqual([0, 0, 0]);
        expect(shown.map(({ stdout }) => stdout.includes(ESCAPE))).toEqual([true, false, false]);
      }
    });
  });

  it('up tells what it found and delivered, each in a line', async () => {
    // one point of it, or two together with the other one's
    const delivered = /✓ \d points? of metric accepted by http:\S+ in .*, from .*:OneOfTwoCollectorsTheFirst/;
    await eventually('the delivery', () => delivered.test(up.cli.stdout()));
    expect(up.cli.stdout()).toContain(`  + ${long[0]}  every 1 h\n`);
    expect(up.cli.stdout()).toContain(String.raw`  + hostile/hostile/hostile:Renamed\x1b[2J`);
  });
});
