import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startStandin } from '@pythond/datakit-standin';
import type { RunRecord } from '@pythond/jobs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type RunningCli, repository, runCli, startCli } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';
import { block, makeHome, type TestHome } from '../support/home.ts';
import { type KnownProcess, killAll, living, treeOf, untilGone } from '../support/processes.ts';
import { startTestRedis } from '../support/redis.ts';
import { openBlock, Tally } from '../support/tally.ts';

const slow = { timeout: 600_000 };

/** A collector that does what its method's body says. */
const collector = (name: string, body: string) => `
from datakit_framework import DataKitFramework


class ${name}(DataKitFramework):
    def run(self):
        ${body}
`;
const point = (name: string) => `self.feed_metric(measurement='${name}', fields={'n': 1})`;

describe('up', () => {
  it('delivers what the Demo reports to a stand-in DataKit that was started on its own', slow, async () => {
    const standin = start(['datakit-standin', '--port', '0']);
    const url = await eventually('its address', () => /http:\/\/[\d.]+:\d+/.exec(standin.stdout())?.[0]);
    const home = await demoHome();
    const up = start(['up', '--home', home.dir], { DATAKIT_URL: url });
    const runs = await eventually('two runs', async () => {
      const ended = await runsOf(home, 'Demo');
      return ended.length >= 2 ? ended : null;
    });

    const { points } = (await (await fetch(`${url}/_standin/points`)).json()) as { points: StoredPoint[] };
    const first = runs.flatMap(({ dueMs, startedMs }) => {
      const time = `${startedMs - dueMs < 10_000 ? dueMs : startedMs}000000`;
      return ['abc', 'def'].map((measurement) => ({ measurement, time }));
    });
    // f3 is a string, and DataKit keeps no strings in metrics
    const stored = { category: 'metric', tags: { t1: 'b', t2: 'd' }, fields: { f1: 123, f2: 3.4 } };
    for (const one of first) expect(points).toContainEqual(expect.objectContaining({ ...one, ...stored }));
    expect(new Set(points.map(({ measurement }) => measurement))).toEqual(new Set(['abc', 'def']));
    expect(runs[0]?.warnings).toMatchObject([{ code: 'string-field-dropped', count: 2 }]);

    const said = up.stdout();
    expect(said).toContain('+ demo/Demo/demo:Demo  every 10 s');
    expect(said).toMatch(
      new RegExp(`✓ 2 points of metric accepted by ${url} in .* from demo/Demo/demo:Demo`),
    );
    expect(said).toContain('npx pythond ls');
    expect(said).not.toContain('STAND-IN');
    await expectCleanEnd(up);
    await expectCleanEnd(standin);
  });

  it(
    'keeps points for a DataKit that is away, and delivers them with their own times when it is back',
    slow,
    async () => {
      const port = await freePort();
      const home = await homeOf({ x: collector('Steady', point('Steady')) }, 'interval = 1');
      const up = start(['up', '--home', home.dir], { DATAKIT_URL: `http://127.0.0.1:${port}` });
      const queued = await eventually('three runs whose points wait', async () => {
        const waiting = (await runsOf(home, 'Steady')).filter(({ points }) => points.queued === 1);
        return waiting.length >= 3 ? waiting : null;
      });
      expect(up.stdout()).toContain('silent now; points wait until it answers');
      expect(up.stdout()).toMatch(/kept for .* to be tried again/);

      const standin = await startStandin({ port });
      onTestFinished(() => standin.close());
      const wanted = queued.map(
        ({ dueMs, startedMs }) => `${startedMs - dueMs < 1_000 ? dueMs : startedMs}000000`,
      );
      await eventually('all that waited to be there', () => {
        const times = standin.points().map(({ time }) => time);
        return wanted.every((time) => times.includes(time));
      });
      const times = standin.points().map(({ time }) => time);
      expect(new Set(times).size).toBe(times.length);
      expect(up.stdout()).toMatch(/accepted by .* at try \d+/);
      await expectCleanEnd(up);
    },
  );

  it('says so clearly when its Redis is killed, ends with 1, and has kept what it knew', slow, async () => {
    const standin = await startStandin();
    onTestFinished(() => standin.close());
    const home = await homeOf({ x: collector('Steady', point('Steady')) }, 'interval = 1');
    const up = start(['up', '--home', home.dir], { DATAKIT_URL: standin.url });
    await eventually('it to deliver', () => standin.received.points > 1);
    const below = treeOf(up.pid);
    const redis = below.find(({ name }) => /redis|valkey/.test(name));
    process.kill(redis?.pid ?? Number.NaN, 'SIGKILL');
    const { code, stderr } = await up.ended;
    expect(stderr).toContain('Redis ended by itself, so the fleet ends too');
    expect({ code, trace: traceIn(stderr) }).toEqual({ code: 1, trace: undefined });
    await untilGone(below);

    const again = start(['up', '--home', home.dir], { DATAKIT_URL: standin.url });
    const before = standin.received.points;
    await eventually('it to deliver again', () => standin.received.points > before + 1);
    expect((await runsOf(home, 'Steady')).filter(({ kind }) => kind === 'first')).toHaveLength(1);
    await expectCleanEnd(again);
  });

  it('ends when it is told to while a Redis that is not its own is away', slow, async () => {
    const standin = await startStandin();
    onTestFinished(() => standin.close());
    const redis = await startTestRedis();
    const passwordFile = path.join(await mkdtemp(path.join(tmpdir(), 'pythond-')), 'password');
    onTestFinished(() => rm(path.dirname(passwordFile), { recursive: true }));
    await writeFile(passwordFile, redis.target.password ?? '');
    const home = await homeOf({ x: collector('Steady', point('Steady')) }, 'interval = 1');
    const up = start(['up', '--home', home.dir], {
      DATAKIT_URL: standin.url,
      REDIS_URL: redis.target.url,
      PYTHOND_REDIS_PASSWORD_FILE: passwordFile,
    });
    await eventually('it to deliver', () => standin.received.points > 1);
    await redis.stop();
    await expectCleanEnd(up);
  });

  it('ends at once at the second Ctrl-C, and takes what runs along', slow, async () => {
    const standin = await startStandin();
    onTestFinished(() => standin.close());
    const home = await makeHome({});
    onTestFinished(() => home.remove());
    const tally = new Tally(home);
    await home.write({
      'conf.d/x.conf': openBlock('x', ['x']),
      'python.d/x/x.py': `${tally.python}
class Held(DataKitFramework):
    def run(self):
        say(self, 'start')
        wait_while_held()
`,
    });
    await tally.holdRuns();
    const up = start(['up', '--home', home.dir], { DATAKIT_URL: standin.url });
    const { pid } = await tally.untilHeld('Held');
    const below = treeOf(up.pid);
    expect(below.map((entry) => entry.pid)).toContain(pid);
    up.process.kill('SIGINT');
    await eventually('it to be stopping', () => up.stderr().includes('Stopping'));
    expect((await up.stop('SIGINT')).code).toBe(130);
    await untilGone(below.filter(({ name }) => !/redis|valkey/.test(name)));
    // its Redis has no one to tell it to end, and is taken over by the next start
    const again = start(['up', '--home', home.dir], { DATAKIT_URL: standin.url });
    await tally.letGo();
    await eventually('the run to end', async () => (await runsOf(home, 'Held')).length > 0);
    await expectCleanEnd(again);
    expect(living(below)).toEqual([]);
  });
});

describe('up --once', () => {
  it(
    'runs each collector once and ends with 0 when all went well, and so it does when it is asked again',
    slow,
    async () => {
      const standin = await startStandin();
      onTestFinished(() => standin.close());
      const home = await homeOf({
        one: collector('One', point('One')),
        two: collector('Two', point('Two')),
      });
      const env = { DATAKIT_URL: standin.url };
      expect(await runCli(['up', '--once', '--home', home.dir], { env })).toMatchObject({ code: 0 });
      const measured = () => standin.points().map(({ measurement }) => measurement);
      expect(measured().sort()).toEqual(['One', 'Two']);
      expect(await runCli(['up', '--once', '--home', home.dir], { env })).toMatchObject({ code: 0 });
      expect(measured().filter((name) => name === 'One').length).toBeGreaterThan(1);
      expect(measured().filter((name) => name === 'Two').length).toBeGreaterThan(1);
    },
  );

  it('ends with 1 when a collector fails, though others go well', slow, async () => {
    const standin = await startStandin();
    onTestFinished(() => standin.close());
    const home = await homeOf({
      good: collector('Good', point('Good')),
      bad: collector('Bad', 'raise ValueError("no such thing")'),
    });
    const { code, stdout } = await runCli(['up', '--once', '--home', home.dir], {
      env: { DATAKIT_URL: standin.url },
    });
    expect(code).toBe(1);
    expect(stdout).toContain('run() raised ValueError: no such thing');
    expect(stdout).toContain('raise ValueError("no such thing")'); // the traceback
    expect(standin.points().map(({ measurement }) => measurement)).toEqual(['Good']);
  });

  it('ends with 1 when a module can not be imported, though others go well', slow, async () => {
    const standin = await startStandin();
    onTestFinished(() => standin.close());
    const home = await homeOf({ good: collector('Good', point('Good')), bad: 'import no_such_module\n' });
    const { code, stdout } = await runCli(['up', '--once', '--home', home.dir], {
      env: { DATAKIT_URL: standin.url },
    });
    expect(code).toBe(1);
    expect(stdout).toContain('no_such_module');
    expect(standin.received.points).toBe(1);
  });

  it('ends with 1 when DataKit does not take the points, and the next `up` delivers them', slow, async () => {
    const port = await freePort();
    const home = await homeOf({ x: collector('Steady', point('Steady')) });
    const env = { DATAKIT_URL: `http://127.0.0.1:${port}` };
    const { code, stdout } = await runCli(['up', '--once', '--home', home.dir], { env });
    expect(code).toBe(1);
    expect(stdout).toMatch(/kept for .* to be tried again/);
    const standin = await startStandin({ port });
    onTestFinished(() => standin.close());
    const up = start(['up', '--home', home.dir], env);
    await eventually('the point', () => standin.received.points === 1);
    await expectCleanEnd(up);
  });

  it(
    'ends with 2 and names the key where its data folder can not be made; so does a worker alone',
    slow,
    async () => {
      const home = await homeOf({ x: collector('Steady', point('Steady')) });
      await home.write({ '.pythond': 'a file' });
      const redis = await startTestRedis();
      onTestFinished(() => redis.stop());
      const passwordFile = path.join(home.dir, 'password');
      await home.write({ password: redis.target.password ?? '' });
      const env = { REDIS_URL: redis.target.url, PYTHOND_REDIS_PASSWORD_FILE: passwordFile };
      const cases = [
        [['up', '--once'], '.pythond', 'PYTHOND_DATA_DIR or data_dir'],
        [['worker'], '.pythond/cache', 'PYTHOND_CACHE_DIR or cache_dir'],
      ] as const;
      for (const [words, folder, keys] of cases) {
        const { code, stderr } = await runCli([...words, '--home', home.dir], { env });
        expect(stderr).toBe(
          `The folder ${home.dir}/${folder} can't be made, or not be written by this user. Name another one with ${keys}, in a container one on a volume or a tmpfs.\n`,
        );
        expect(code).toBe(2);
      }
    },
  );

  it('ends with 2 when there is nothing to run', slow, async () => {
    const standin = await startStandin();
    onTestFinished(() => standin.close());
    const empty = await makeHome({ 'conf.d/other.conf': '[[inputs.cpu]]\n' });
    onTestFinished(() => empty.remove());
    const env = { DATAKIT_URL: standin.url };
    const { code, stdout } = await runCli(['up', '--once', '--home', empty.dir], { env });
    expect(code).toBe(2);
    expect(stdout).toContain('there is no [[inputs.pythond]] block in conf.d: nothing to run');
    const barren = await homeOf({ x: '# no class here\n' });
    expect((await runCli(['up', '--once', '--home', barren.dir], { env })).code).toBe(2);
    const onlyPaused = await homeOf({ x: collector('Paused', point('Paused')) }, 'paused = true');
    expect((await runCli(['up', '--once', '--home', onlyPaused.dir], { env })).code).toBe(2);
    expect(standin.received.requests).toBe(0);
  });
});

interface StoredPoint {
  readonly measurement: string;
  readonly category: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly time: string;
}

/** What a failed test leaves is killed. */
function start(args: readonly string[], env: Readonly<Record<string, string>> = {}): RunningCli {
  const cli = startCli(args, { env });
  onTestFinished(async () => {
    const left = treeOf(cli.pid);
    killAll(left);
    await untilGone(left);
  });
  return cli;
}

/** Ctrl-C: exit code 0, and nothing is left of it. */
async function expectCleanEnd(cli: RunningCli): Promise<void> {
  const below: KnownProcess[] = treeOf(cli.pid);
  const { code, stderr } = await cli.stop();
  expect({ code, trace: traceIn(stderr) }).toEqual({ code: 0, trace: undefined });
  expect(living(below)).toEqual([]);
}

function traceIn(text: string): string | undefined {
  return /^\s+at .*$/m.exec(text)?.[0];
}

/** The newest runs, newest first; none while the fleet does not know the collector. */
async function runsOf(home: TestHome, name: string): Promise<RunRecord[]> {
  const { code, stdout } = await runCli(['show', name, '--home', home.dir, '--json', '--runs', '100']);
  return code === 0 ? (JSON.parse(stdout) as { runs: RunRecord[] }).runs : [];
}

async function demoHome(): Promise<TestHome> {
  const home = await makeHome({});
  onTestFinished(() => home.remove());
  for (const folder of ['conf.d', 'python.d/Demo']) {
    await cp(path.join(repository, folder), path.join(home.dir, folder), { recursive: true });
  }
  return home;
}

/** One input, one folder, these modules; by default no tick of the grid comes while a test goes on. */
async function homeOf(
  modules: Readonly<Record<string, string>>,
  keys = 'interval = "1h"',
): Promise<TestHome> {
  const files = Object.entries(modules).map(([name, text]) => [`python.d/x/${name}.py`, text]);
  const home = await makeHome({ 'conf.d/x.conf': block('x', ['x'], keys), ...Object.fromEntries(files) });
  onTestFinished(() => home.remove());
  return home;
}

/** Where nobody listens; below the numbers that the kernel hands out by itself, so that nobody comes to by chance. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
    });
    if (isFree) return port;
  }
}
