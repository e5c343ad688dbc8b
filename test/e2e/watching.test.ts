import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type CliOptions, runCli, startCli } from '../support/cli.ts';
import { eventually as eventuallyWithin } from '../support/eventually.ts';
import { block, makeHome, type TestHome } from '../support/home.ts';
import { startUp, type TestUp } from '../support/up.ts';

vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 });

const eventually = <T>(what: string, probe: () => T | Promise<T>) => eventuallyWithin(what, probe, 300_000);
const longest = (text: string) => Math.max(...text.split(/\r?\n/).map((line) => [...line].length));
/** What can drive a terminal or garble its lines; newlines and tabs are what a text may have. */
const DRIVING = /[^\P{Cc}\n\t]/u;

const HEAD = 'from datakit_framework import DataKitFramework\n\n\n';
const GOOD = 'good/good/good:Good';
const BAD = 'bad/bad/bad:Bad';
const good = `${HEAD}class Good(DataKitFramework):
    def run(self):
        self.n = getattr(self, 'n', 0) + 1
        print('run', self.n, 'of Good')
        self.feed_metric(measurement='good', fields={'n': self.n})
`;
const bad = `${HEAD}class Bad(DataKitFramework):
    def run(self):
        print('before\\x1b[2J it')
        raise ValueError('no\\x1b[31m way, and here is why, at great length: ' + 'x' * 200)
`;

let home: TestHome;
let up: TestUp;
beforeAll(async () => {
  home = await makeHome({
    'conf.d/good.conf': block('good', ['good'], '  interval = "500ms"'),
    'python.d/good/good.py': good,
  });
  up = await startUp(home.dir);
  await up.listed([GOOD]);
  // a heartbeat later
  await eventually('the lag to be told', async () => (await json(['status'])).ticks.lags.length > 0);
});
afterAll(async () => {
  await up?.stop();
  await home?.remove();
});

const cli = (args: readonly string[], options: CliOptions = {}) =>
  runCli([...args, '--home', home.dir], { ...options, env: { ...up.env, ...options.env } });
async function json(args: readonly string[]) {
  const { code, stdout, stderr } = await cli([...args, '--json']);
  expect(stderr).toBe('');
  return { code, ...JSON.parse(stdout) };
}

describe('of a fleet that is healthy,', () => {
  it('status says so in its first line, and ends with 0', async () => {
    const { code, stdout } = await cli(['status'], { terminal: 80 });
    const lines = stdout.replaceAll('\r', '').trimEnd().split('\n');
    expect({ code, first: lines[0] }).toEqual({ code: 0, first: '✔ HEALTHY' });
    expect(longest(stdout)).toBeLessThanOrEqual(80);
    expect(lines.slice(2).map((line) => line.replace(/\d+(\.\d+)?/g, 'N'))).toEqual([
      expect.stringMatching(/^ {2}workers {3}N, N of N runs going on +pythond workers$/),
      expect.stringMatching(/^ {2}ticks {5}N a second, of N collector, lag pN N \w+ +pythond ticks$/),
      expect.stringMatching(/^ {2}waiting {3}/),
      expect.stringMatching(/^ {2}outbox {4}.* +pythond ledger$/),
      expect.stringMatching(/^ {2}dead {6}no dead letter +pythond dead ls$/),
    ]);
  });

  it('status --json has the numbers', async () => {
    expect(await json(['status'])).toMatchObject({
      ...{
        code: 0,
        healthy: true,
        reasons: [],
        failing: [],
        broken: [],
        problems: [],
        heldBack: [],
        pauses: [],
      },
      workers: { count: 1, residents: 0, unservedPools: [] },
      ticks: { collectors: 1, perSecond: 2, unaccounted: 0, lags: [{ pool: 'default' }] },
      queues: { collect: [{ pool: 'default' }], deliver: {} },
      outbox: { bytes: expect.any(Number) },
      ...{ deadLetters: 0, pausedCollectors: 0, awayCollectors: 0 },
    });
  });

  it('runs lists the newest, and logs shows what one printed', async () => {
    await eventually('three runs', async () => (await json(['runs', 'Good'])).runs.length >= 3);
    const { collector, runs } = await json(['runs', 'Good', '--limit', '2']);
    expect({ collector, count: runs.length }).toEqual({ collector: GOOD, count: 2 });
    expect(runs[0].dueMs).toBeGreaterThan(runs[1].dueMs);
    const shown = await cli(['runs', 'Good'], { terminal: 80 });
    expect(shown.stdout).toMatch(/^RUN +OUTCOME +TOOK +LAG +POINTS +DEAD +KIND\r?\n/);
    expect(shown.stdout).toContain(new Date(runs[1].dueMs).toISOString());
    expect(longest(shown.stdout)).toBeLessThanOrEqual(80);
    for (const name of [runs[1].id, new Date(runs[1].dueMs).toISOString()]) {
      const { code, stdout } = await cli(['logs', 'Good', '--run', name]);
      expect(code).toBe(0);
      expect(stdout).toMatch(
        /^Run \S+Z succeeded in \d+(\.\d+)? \w+(, NOT CONFINED)?\n(?: {2}! .*\n)* {2}stdout\n {4}run \d+ of Good\n$/,
      );
    }
    const one = await json(['logs', 'Good', '--run', runs[1].id]);
    expect(one.runs).toEqual([
      expect.objectContaining({ id: runs[1].id, stdout: runs[1].stdout, error: null }),
    ]);
  });

  it('logs tells which runs a name fits, and that none is called so', async () => {
    const [several, none, both] = await Promise.all([
      cli(['logs', 'Good', '--run', '20']),
      cli(['logs', 'Good', '--run', '1999-01-01']),
      cli(['logs', 'Good', '-f', '--run', '20']),
    ]);
    expect(several).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(/^20 fits \d+ runs; write more/),
    });
    expect(none).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^No run that is kept is called 1999-01-01/),
    });
    expect(both).toMatchObject({ code: 2, stderr: expect.stringMatching(/not both\.$/m) });
  });

  it('logs -f goes on with new runs, each once, until Ctrl-C', async () => {
    const following = startCli(['logs', 'Good', '-f', '--json', '--home', home.dir], { env: up.env });
    const told = () =>
      following
        .stdout()
        .trim()
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line));
    await eventually('more runs than there were', () => told().length >= 7);
    const { code, stderr } = await following.stop();
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const numbers = told().map(({ stdout }) => Number(/run (\d+) of/.exec(stdout)?.[1]));
    expect(new Set(told().map(({ id }) => id)).size).toBe(told().length);
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
  });
});

describe('of a fleet that is not,', () => {
  beforeAll(async () => {
    await home.write({
      'conf.d/bad.conf': block('bad', ['bad'], '  interval = "500ms"'),
      'python.d/bad/bad.py': bad,
      'conf.d/far.conf': block('far', ['far'], '  interval = "1h"\n  pool = "gpu"'),
      'python.d/far/far.py': good.replace('Good', 'Far'),
      'conf.d/broken.conf': block('broken', ['broken'], '  intervall = 1'),
      'python.d/broken/broken.py': 'import no_such_module_of_anybody\n',
    });
    await eventually('all of it to be seen', async () => {
      const { failing, broken, problems } = await json(['status']);
      return failing.length === 1 && broken.length === 1 && problems.length > 1;
    });
    await cli(['pause', 'good', '--reason', 'moves']);
  });

  it('status says why in its first line, tells the worst first, and ends with 1', async () => {
    const { code, stdout } = await cli(['status'], { terminal: 80 });
    const text = stdout.replaceAll('\r', '');
    expect(code).toBe(1);
    expect(text).toMatch(/^✘ NOT HEALTHY: .*1 of 2 collectors fails?, 1 module can not/);
    expect(text).toMatch(
      /\nFailing \(1\) +pythond logs COLLECTOR\n {2}✘ bad\/bad\/bad:Bad failed .* ago: ValueError: no\\x1b\[31m .*…\n/,
    );
    expect(text).toMatch(
      /\nNot to be run \(1\) +pythond ls\n {2}✘ broken: module broken: ModuleNotFoundError/,
    );
    expect(text).toMatch(/\nProblems \(\d+\) +pythond doctor\n/);
    expect(text).toMatch(/\nPaused \(1\) +pythond resume NAME\n {2}‖ input good is paused by .*: moves\n/);
    expect(longest(text)).toBeLessThanOrEqual(80);
    expect(text).not.toMatch(DRIVING);
  });

  it('status --json has the reasons, and the error of what fails', async () => {
    const found = await json(['status']);
    expect(found).toMatchObject({
      ...{ code: 1, healthy: false, pausedCollectors: 1 },
      failing: [{ id: BAD, outcome: 'failed', error: { type: 'ValueError' } }],
      broken: [{ input: 'broken', module: 'broken' }],
      pauses: [{ scope: 'input', name: 'good', reason: 'moves' }],
    });
    expect(found.reasons).toEqual(
      expect.arrayContaining(['1 of 2 collectors fails', '1 module can not be imported']),
    );
  });

  it('logs has the traceback, and nothing that drives the terminal', async () => {
    const { code, stdout } = await cli(['logs', 'Bad']);
    expect(code).toBe(0);
    expect(stdout).toContain('Traceback (most recent call last)');
    expect(stdout).toContain(String.raw`before\x1b[2J it`);
    expect(stdout).not.toMatch(DRIVING);
    const { stdout: text } = await cli(['logs', 'Bad', '--json']);
    expect(text).not.toMatch(DRIVING);
    expect(JSON.parse(text).runs.at(-1).stdout).toBe('before\u001b[2J it\n');
  });

  it('runs --failed has those that failed alone', async () => {
    const [none, all] = [await cli(['runs', 'Good', '--failed']), await json(['runs', 'Bad', '--failed'])];
    expect(none).toEqual({ code: 0, stdout: 'No run that is kept has failed.\n', stderr: '' });
    expect(all.runs.length).toBeGreaterThan(0);
    expect(new Set(all.runs.map(({ outcome }: { outcome: { kind: string } }) => outcome.kind))).toEqual(
      new Set(['failed']),
    );
  });
});
