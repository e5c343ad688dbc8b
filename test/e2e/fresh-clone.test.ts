import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { repository } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';
import { killAll, living, treeOf, untilGone } from '../support/processes.ts';

/** Packages may have to come over a slow line, and a slow machine has to compile. */
const SET_UP_MS = 1_200_000;
const INTERVAL_NS = 10_000_000_000n;
const environment = { PATH: process.env['PATH'], HOME: process.env['HOME'], NO_COLOR: '1' };
const run = promisify(execFile);

describe.skipIf(!existsSync(path.join(repository, '.git')))('a fresh clone, with nothing set up', () => {
  it('delivers the Demo by `npm start`, ends at Ctrl-C, and does so again', {
    timeout: 2 * SET_UP_MS,
  }, async ({ skip }) => {
    if (await answers(9529)) skip('something answers at 127.0.0.1:9529, and this test must not write to it');
    const parent = await mkdtemp(path.join(tmpdir(), 'pythond-clone-'));
    onTestFinished(() => rm(parent, { recursive: true, force: true }));
    const clone = path.join(parent, 'clone');
    await run('git', ['clone', '--quiet', repository, clone]);

    const first = npmStart(clone);
    const standin = await eventually('the stand-in', () => standinOf(first), SET_UP_MS);
    expect(first.output()).toContain('Installing packages');
    expect(first.output()).toContain('No DataKit answers at http://127.0.0.1:9529');
    await expectDemo(standin);
    expect(first.output()).toMatch(/✓ 2 points of metric accepted by .*from demo\/Demo\/demo:Demo/);
    const ls = await run('npx', ['--no', 'pythond', 'ls', '--json'], { cwd: clone, env: environment });
    expect(JSON.parse(ls.stdout)).toMatchObject({
      collectors: [{ id: 'demo/Demo/demo:Demo', everyMs: 10_000, lastOutcome: 'succeeded' }],
      failures: [],
      problems: [],
    });
    await expectCtrlCToEnd(first);

    const second = npmStart(clone);
    const again = await eventually('the stand-in', () => standinOf(second), SET_UP_MS);
    expect(second.output()).not.toContain('Installing packages');
    await expectDemo(again);
    await expectCtrlCToEnd(second);
    // nothing but what .gitignore names was left in the clone
    expect((await run('git', ['status', '--porcelain'], { cwd: clone })).stdout).toBe('');
  });
});

interface Npm {
  readonly process: ChildProcess;
  readonly pid: number;
  readonly output: () => string;
  readonly ended: Promise<unknown>;
}

/** As from a shell: a process group of its own, which Ctrl-C reaches as a whole. */
function npmStart(cwd: string): Npm {
  const child = spawn('npm', ['start'], {
    cwd,
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  }
  const pid = child.pid ?? 0;
  onTestFinished(async () => {
    const left = treeOf(pid);
    killAll(left);
    await untilGone(left);
  });
  return { process: child, pid, output: () => said, ended: once(child, 'close') };
}

function standinOf({ process: child, output }: Npm): string | undefined {
  if (child.exitCode !== null) throw new Error(`npm start ended with ${child.exitCode}: ${output()}`);
  return /STAND-IN at (http:\/\/\S+)/.exec(output())?.[1];
}

/** The points of two ticks, an interval apart: f3 is text, and DataKit keeps no text in metrics. */
async function expectDemo(standin: string): Promise<void> {
  const stored = await eventually('the points of two ticks of the grid', async () => {
    const points = await pointsOf(standin);
    const times = points.map(({ time }) => BigInt(time));
    const pair = times.find((time) => times.includes(time + INTERVAL_NS));
    return pair === undefined
      ? null
      : points.filter(({ time }) => [pair, pair + INTERVAL_NS].includes(BigInt(time)));
  });
  expect(stored.map(({ measurement }) => measurement).sort()).toEqual(['abc', 'abc', 'def', 'def']);
  for (const { category, tags, fields } of stored) {
    expect({ category, tags, fields }).toEqual({
      category: 'metric',
      tags: { t1: 'b', t2: 'd' },
      fields: { f1: 123, f2: 3.4 },
    });
  }
}

async function pointsOf(standin: string) {
  const response = await fetch(`${standin}/_standin/points`);
  const { points } = (await response.json()) as {
    points: { category: string; measurement: string; tags: object; fields: object; time: string }[];
  };
  return points;
}

async function expectCtrlCToEnd(npm: Npm): Promise<void> {
  const below = treeOf(npm.pid);
  // npm, its shell, ours, Redis and a Python host at the least
  expect(below.length).toBeGreaterThanOrEqual(4);
  process.kill(-npm.pid, 'SIGINT');
  await npm.ended;
  expect(npm.output()).toContain('Stopping …');
  expect(npm.output()).not.toMatch(/npm error|^\s+at /m);
  await untilGone(below.filter(({ pid }) => pid === npm.pid));
  expect(living(below)).toEqual([]);
}

/** Whether anything listens on a port of this machine. */
function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    onTestFinished(() => void socket.destroy());
  });
}
