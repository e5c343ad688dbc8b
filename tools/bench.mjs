// `npm run bench`: what a run costs in CPU, over every process of the fleet (scheduler, Redis, worker, Python hosts and
// their children), against a cold `python3` per run, in the same benchmark on the same machine; and the lag of ticks.
// Then how many points a second one core normalises and encodes, and how many come from one run to an accepting server,
// against a plain loop of the same library calls. `--throughput` does only that. Last, what schedules cost and how late
// 1,000 ticks a second are; `--ticks` does only that. `--host` does only the Python side: page faults and CPU a run of
// the host and its children, which hardly depend on the load; see test/bench/host-run.py to set an older core beside it.
// Rounds of both take turns; figures are medians with their spread. Ratios are comparable between machines, the
// milliseconds are not. `--write` puts the result into docs/benchmarks.md. Linux only: it reads /proc.
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuMsOf, cpuMsOfEndedChildren } from '../test/bench/cpu.mjs';
import { prepare, root, say } from './setup.mjs';

const ROUNDS = 5;
const WINDOW_MS = 8_000;
const COLD_RUNS = 20;
const COLLECTORS = 100; // of one second each
const BULK = { reports: 50, points: 1_000 };

prepare();
const { findRedisServer, startEmbeddedRedis } = await import('@pythond/embedded-redis');
const { connect, TickQueue } = await import('@pythond/queue');
const { schedulerId, tickId } = await import('@pythond/jobs');
const { Collectors } = await import('@pythond/registry');

const BULK_ID = 'bulk/bulk/bulk:Bulk';
// the interpreter itself: a version manager's shim would cost the cold runs 60 ms that are not Python's
const python = spawnSync('python3', ['-c', 'import sys; print(sys.executable)'], {
  encoding: 'utf8',
}).stdout.trim();
const scratch = mkdtempSync(path.join(os.tmpdir(), 'pythond-bench-'));
const server = await acceptingServer();
const program = await findRedisServer({ env: process.env, say });
const redis = await startEmbeddedRedis({
  dir: path.join(scratch, 'redis'),
  server: program,
  env: process.env,
});
const apps = [];
try {
  writeHome();
  const only = (name) => process.argv.includes(`--${name}`);
  const host = only('throughput') || only('ticks') ? null : hostTable();
  const fleet =
    only('throughput') || only('ticks') || only('host')
      ? null
      : { strict: await measureFleet('strict'), none: await measureFleet('none') };
  const throughput = only('ticks') || only('host') ? null : await measureThroughput();
  report(host, fleet, throughput, only('throughput') || only('host') ? null : await measureTicks());
} finally {
  await stopApps();
  await redis.stop();
  server.close();
  rmSync(scratch, { recursive: true, force: true });
}

async function measureFleet(sandbox) {
  say(`\nsandbox ${sandbox}: starting a scheduler and a worker with ${COLLECTORS} collectors of 1 s …`);
  const connection = connect({ url: redis.url, password: redis.password }, 'failing', () => undefined);
  await connection.flushall();
  const collectors = new Collectors(connection);
  const since = Date.now();
  startApp('scheduler', sandbox);
  startApp('worker', sandbox);
  await until(async () => (await runsOf(collectors)) >= 3 * COLLECTORS);
  const pids = [redis.pid, ...apps.map(({ pid }) => pid)];
  const fleet = [];
  const cold = [];
  for (let round = 1; round <= ROUNDS; round += 1) {
    fleet.push(await fleetRound(collectors, pids));
    cold.push(await coldRound());
    say(`  round ${round}: ${fleet.at(-1).toFixed(2)} ms a run, cold ${cold.at(-1).toFixed(1)} ms`);
  }
  const lags = await lagsOf(collectors, since);
  await stopApps();
  connection.disconnect();
  return { fleet, cold, lags };
}

/** What a run costs in the Python host and its child. */
function hostTable() {
  say('\nthe Python host: 1,000 runs …');
  const script = path.join(root, 'test/bench/host-run.py');
  const { status, stdout } = spawnSync(python, [script], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (status !== 0) throw new Error(`${script} failed`);
  return stdout;
}

/** Points a second: of one core, and of one run over the whole fleet, each beside its plain counterpart. */
async function measureThroughput() {
  say(`\nthroughput: runs of ${BULK.reports} reports of ${BULK.points} points each …`);
  const { json, encode } = JSON.parse(await output('test/bench/encode.mjs'));
  const connection = connect({ url: redis.url, password: redis.password }, 'failing', () => undefined);
  await connection.flushall();
  const collectors = new Collectors(connection);
  startApp('scheduler', 'strict');
  startApp('worker', 'strict');
  await until(async () => (await collectors.ids()).includes(BULK_ID));
  const loop = [];
  const runs = [];
  for (let round = 0; round <= ROUNDS; round += 1) {
    const loopMs = Number(await output('test/bench/plain-loop.mjs', server.url, BULK.reports, BULK.points));
    const run = await bulkRun(connection, collectors);
    await sleep(1_000); // the rate of the route is whole again
    if (round === 0) continue; // for warming up
    loop.push((BULK.reports * BULK.points) / (loopMs / 1000));
    runs.push((BULK.reports * BULK.points) / ((run.endedMs - run.startedMs) / 1000));
    say(
      `  round ${round}: ${thousands(runs.at(-1))} points/s from a run, a plain loop ${thousands(loop.at(-1))}`,
    );
  }
  await stopApps();
  connection.disconnect();
  return { json, encode, loop, runs };
}

/** Schedules, and the lag of their ticks. */
async function measureTicks() {
  say('\nschedules: 10,000 and 100,000 of them, and 1,000 ticks a second …');
  return JSON.parse(await output('test/bench/ticks.mjs'));
}

async function bulkRun(connection, collectors) {
  const ticks = new TickQueue('default', connection);
  const id = tickId('manual', schedulerId(BULK_ID), Date.now(), String(process.hrtime.bigint()));
  await ticks.runOnce(id, BULK_ID);
  let run;
  await until(async () => {
    run = (await collectors.runs(BULK_ID, 5)).find((one) => one.id === id);
    return run !== undefined;
  });
  await ticks.close();
  const { delivered } = run.points;
  if (delivered !== BULK.reports * BULK.points) throw new Error(`only ${delivered} points were accepted`);
  return run;
}

/** What a script of this repository prints, run in a process of its own. */
async function output(script, ...args) {
  const child = spawn(process.execPath, [path.join(root, script), ...args.map(String)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (more) => {
    text += more;
  });
  const status = await new Promise((resolve) => child.once('close', resolve));
  if (status !== 0) throw new Error(`${script} failed`);
  return text;
}

async function fleetRound(collectors, pids) {
  const [cpuBefore, runsBefore] = [cpuMsOf(pids), await runsOf(collectors)];
  await sleep(WINDOW_MS);
  const [cpuAfter, runsAfter] = [cpuMsOf(pids), await runsOf(collectors)];
  return (cpuAfter - cpuBefore) / (runsAfter - runsBefore);
}

/** One after the other, without blocking: the server that they POST to lives in this process. */
async function coldRound() {
  const before = cpuMsOfEndedChildren();
  const script = path.join(root, 'test/bench/cold.py');
  for (let run = 0; run < COLD_RUNS; run += 1) {
    const child = spawn(python, [script, server.url], { stdio: ['ignore', 'ignore', 'inherit'] });
    const status = await new Promise((resolve) => child.once('exit', resolve));
    if (status !== 0) throw new Error('the cold run failed');
  }
  return (cpuMsOfEndedChildren() - before) / COLD_RUNS;
}

function startApp(name, sandbox) {
  const bin = path.join(root, 'apps/cli/bin/pythond.mjs');
  const child = spawn(process.execPath, [bin, name, '--home', scratch], {
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      REDIS_URL: redis.url,
      PYTHOND_REDIS_PASSWORD_FILE: redis.passwordFile,
      DATAKIT_URL: server.url,
      PYTHOND_SANDBOX: sandbox,
      PYTHOND_LOG_LEVEL: 'warn',
    },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  apps.push(child);
}

async function stopApps() {
  const ended = apps.splice(0).map((child) => {
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    return child.exitCode === null ? gone : undefined;
  });
  await Promise.all(ended);
}

function writeHome() {
  mkdirSync(path.join(scratch, 'conf.d'));
  mkdirSync(path.join(scratch, 'python.d/bench'), { recursive: true });
  writeFileSync(
    path.join(scratch, 'conf.d/bench.conf'),
    `[[inputs.pythond]]\n  name = 'bench'\n  cmd = "python3"\n  dirs = ["bench"]\n`,
  );
  writeFileSync(
    path.join(scratch, 'conf.d/bulk.conf'),
    `[[inputs.pythond]]\n  name = 'bulk'\n  cmd = "python3"\n  dirs = ["bulk"]\n  paused = true\n`,
  );
  mkdirSync(path.join(scratch, 'python.d/bulk'));
  writeFileSync(
    path.join(scratch, 'python.d/bulk/bulk.py'),
    `from datakit_framework import DataKitFramework


class Bulk(DataKitFramework):
    def run(self):
        for report in range(${BULK.reports}):
            self.report({'M': [
                {
                    'measurement': 'bench',
                    'tags': {'host': 'host-17', 'service': 'checkout', 'nth': 'n%d' % (report * ${BULK.points} + nth)},
                    'fields': {'load': 0.25 + nth / 1000, 'count': nth},
                }
                for nth in range(${BULK.points})
            ], 'input': 'bulk'})
`,
  );
  const classes = Array.from(
    { length: COLLECTORS },
    (_, n) => `class C${n}(DataKitFramework):
    interval = 1
    def run(self):
        self.report({'M': [{'measurement': 'bench', 'tags': {'t': 'c${n}'}, 'fields': {'v': 1}}], 'input': 'bench'})
`,
  );
  writeFileSync(
    path.join(scratch, 'python.d/bench/trivial.py'),
    `from datakit_framework import DataKitFramework\n\n\n${classes.join('\n\n')}`,
  );
}

async function runsOf(collectors) {
  const views = await collectors.list();
  return views.reduce((sum, { counts }) => sum + (counts.succeeded ?? 0), 0);
}

async function lagsOf(collectors, since) {
  const lags = [];
  for (const id of await collectors.ids()) {
    for (const run of await collectors.runs(id, 100)) {
      if (run.kind === 'grid' && run.dueMs > since) lags.push(run.phases.lagMs);
    }
  }
  return lags.sort((a, b) => a - b);
}

async function until(probe) {
  const end = Date.now() + 120_000;
  while (!(await probe())) {
    if (Date.now() > end) throw new Error('the fleet does not run: see the messages above');
    await sleep(100);
  }
}

async function acceptingServer() {
  const listening = http.createServer((request, response) => {
    request.resume().on('end', () => response.writeHead(200, { 'X-DataKit': 'bench' }).end());
  });
  await new Promise((resolve) => listening.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${listening.address().port}`;
  return { url, close: () => listening.closeAllConnections() ?? listening.close() };
}

function report(host, fleet, throughput, ticks) {
  const tables = [
    ...(fleet ? [fleetTable(fleet)] : []),
    ...(host ? [host] : []),
    ...(throughput ? [throughputTable(throughput)] : []),
    ...(ticks ? [ticksTable(ticks)] : []),
  ];
  const text = tables.join('\n');
  process.stdout.write(`\n${text}`);
  if (fleet && process.argv.includes('--write')) {
    writeFileSync(path.join(root, 'docs/benchmarks.md'), page(text));
  }
}

function throughputTable({ json, encode, loop, runs }) {
  const row = (name, rates, base, what) =>
    `| ${name} | ${thousands(median(rates))} (${thousands(Math.min(...rates))}–${thousands(Math.max(...rates))}) | ${(median(rates) / median(base)).toFixed(2)} of ${what} |`;
  return [
    '| | points a second | ratio |',
    '|---|---|---|',
    row('read, normalise and encode, one core', encode, json, '`JSON.parse` alone'),
    row(
      `one run of ${BULK.reports * BULK.points} points, to an accepting server`,
      runs,
      loop,
      'a plain loop',
    ),
    row('a plain loop: read, normalise, encode, POST, one after the other', loop, loop, 'itself'),
    '',
    'Both are paced: a route takes 80 requests a second at most.',
    '',
  ].join('\n');
}

function ticksTable({ few, many, lag }) {
  const row = ({ count, upsertMs, lookMs, bytesEach }, bar) =>
    `| ${thousands(count)} schedules | ${(upsertMs / 1000).toFixed(1)} s (≤ ${bar}) | ${(lookMs / 1000).toFixed(2)} s | ${(bytesEach / 1000).toFixed(2)} kB |`;
  return [
    '| | written in (bar) | looked at by the watchdog in | in Redis, each |',
    '|---|---|---|---|',
    row(few, '5 s'),
    row(many, '60 s'),
    '',
    `Lag of ${thousands(lag.perSecond)} ticks a second (10,000 collectors of 10 s, claimed and recorded by one process, nothing to run): p50 ${lag.p50Ms} ms, p99 ${lag.p99Ms} ms (bar: 100 ms at 1,000), the longest ${thousands(lag.maxMs)} ms; ${lag.cpuMs.toFixed(2)} ms of that process's CPU a tick.`,
    '',
  ].join('\n');
}

function thousands(rate) {
  return Math.round(rate).toLocaleString('en-US');
}

function fleetTable({ strict, none }) {
  const lag = (lags, q) => lags[Math.min(lags.length - 1, Math.floor(q * lags.length))] ?? Number.NaN;
  const cold = [...strict.cold, ...none.cold];
  const lines = [
    '| | CPU a run, ms | against a cold `python3` | lag p50, ms | lag p99, ms |',
    '|---|---|---|---|---|',
    ...Object.entries({ 'the fleet, strict': strict, 'the fleet, unconfined': none }).map(
      ([name, { fleet, lags }]) =>
        `| ${name} | ${spread(fleet)} | ${(median(cold) / median(fleet)).toFixed(1)} times less | ${lag(lags, 0.5)} | ${lag(lags, 0.99)} |`,
    ),
    `| a cold \`python3\` a run | ${spread(cold)} | 1 | | |`,
  ];
  const ratio = median(strict.fleet) / median(none.fleet);
  return `${lines.join('\n')}\n\nConfined against unconfined: ${ratio.toFixed(2)} times the CPU of everything.\n`;
}

function page(text) {
  const [cpu] = os.cpus();
  const version = spawnSync(python, ['--version'], { encoding: 'utf8' }).stdout.trim();
  return `# Benchmarks

Made by \`npm run bench -- --write\`. CPU is the kernel's own accounting over every process of the fleet: scheduler, Redis,
worker, Python hosts and their children; the accepting server apart. Each figure is the median of ${ROUNDS} rounds that took turns,
with the least and the most. Compare ratios; the milliseconds are this machine's.

- ${new Date().toISOString().slice(0, 10)}, ${os.cpus().length} × ${cpu?.model.trim()}, Node ${process.versions.node}, ${version}, Redis ${redis.version}
- ${COLLECTORS} collectors of 1 s, each reporting one metric; a cold run imports json, logging and urllib and POSTs the same

${text}`;
}

function spread(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return `${median(values).toFixed(2)} (${sorted[0].toFixed(2)}–${sorted.at(-1).toFixed(2)})`;
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
