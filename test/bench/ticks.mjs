// What schedules cost, and how late ticks are: `node test/bench/ticks.mjs` prints, as JSON, the time that 10,000 and
// 100,000 Job Schedulers take to be written and to be looked at, the memory that one takes in Redis, and the lag of 1,000
// ticks a second: 10,000 collectors of ten seconds, claimed and recorded as a worker does, with nothing to run.
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { findRedisServer, startEmbeddedRedis } from '@pythond/embedded-redis';
import { offsetMs, parseTickId } from '@pythond/jobs';
import { connect, JobWorker, queueNames, TickQueue } from '@pythond/queue';
import { Collectors, Leases } from '@pythond/registry';

const FEW = 10_000;
const MANY = 100_000;
const EVERY_MS = 10_000;
const MEASURED_MS = 30_000;
const CATCH_UP_MS = 90_000;

const dir = mkdtempSync(path.join(os.tmpdir(), 'pythond-bench-ticks-'));
const say = (line) => process.stderr.write(`${line}\n`);
const server = await startEmbeddedRedis({
  dir,
  server: await findRedisServer({ env: process.env, say }),
  env: process.env,
});
const target = { url: server.url, password: server.password };
const redis = connect(target, 'failing', (error) => say(String(error)));
try {
  const few = await measureSchedules(FEW);
  const lag = await measureLag();
  const many = await measureSchedules(MANY);
  process.stdout.write(JSON.stringify({ few, many, lag }));
} finally {
  redis.disconnect();
  await server.stop();
  rmSync(dir, { recursive: true, force: true });
}

/** Leaves them there. */
async function measureSchedules(count) {
  await redis.flushall();
  const ticks = new TickQueue('default', redis);
  const before = await usedBytes();
  const everyMs = count === FEW ? EVERY_MS : 3_600_000;
  const wanted = Array.from({ length: count }, (_, n) => scheduleOf(n, everyMs));
  const upsertMs = await timed(() => ticks.schedule(wanted, new Map()));
  const bytesEach = ((await usedBytes()) - before) / count;
  let looked = 0;
  const lookMs = await timed(async () => {
    looked = (await ticks.stored()).size;
  });
  if (looked !== count) throw new Error(`${looked} schedules are there`);
  await ticks.close();
  return { count, upsertMs, lookMs, bytesEach };
}

function scheduleOf(n, everyMs) {
  const collector = `bench/bench/bench:C${n}`;
  return { collector, everyMs, offsetMs: offsetMs(collector, everyMs, false) };
}

async function measureLag() {
  const collectors = new Collectors(redis);
  for (let start = 0; start < FEW; start += 1_000) {
    await collectors.register(Array.from({ length: 1_000 }, (_, n) => recordOf(start + n)));
  }
  const connection = connect(target, 'waiting', (error) => say(String(error)));
  const leases = new Leases(redis);
  const lags = [];
  let newestLagMs = Number.POSITIVE_INFINITY;
  const known = new Map();
  const worker = new JobWorker({
    ...{
      queue: queueNames.collect('default'),
      connection,
      concurrency: 50,
      onError: (error) => say(String(error)),
    },
    process: async (_data, { id, takenMs }) => {
      const { scheduler, dueMs, kind } = parseTickId(id);
      newestLagMs = Math.max(0, takenMs - dueMs);
      lags.push(newestLagMs);
      const claim = await leases.claim({
        ...{ scheduler, jobId: id, worker: 'bench', dueMs, kind, takenMs },
        knownVersion: known.get(scheduler)?.version ?? '',
      });
      if (claim.kind !== 'claimed') return { kind: 'done', value: claim.kind };
      const { version } = claim;
      if (claim.record) known.set(scheduler, { version, collector: JSON.parse(claim.record).id });
      const record = successOf(id, known.get(scheduler).collector, dueMs);
      await leases.release({ scheduler, lease: claim.lease, record, output: null });
      return { kind: 'done', value: 'succeeded' };
    },
  });
  await caughtUp(() => newestLagMs);
  lags.length = 0;
  const cpuBefore = process.cpuUsage();
  const tookMs = await timed(() => sleep(MEASURED_MS));
  const { user, system } = process.cpuUsage(cpuBefore);
  const sorted = lags.splice(0).sort((a, b) => a - b);
  await worker.stop(10_000);
  connection.disconnect();
  const quantile = (q) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
  return {
    perSecond: sorted.length / (tookMs / 1000),
    ...{ p50Ms: quantile(0.5), p99Ms: quantile(0.99), maxMs: sorted.at(-1) },
    cpuMs: (user + system) / 1000 / sorted.length,
  };
}

/** What was due before there was a worker is late, once. */
async function caughtUp(lagMs) {
  const end = performance.now() + CATCH_UP_MS;
  for (let calm = 0; calm < 50 && performance.now() < end; ) {
    await sleep(100);
    calm = lagMs() < 200 ? calm + 1 : 0;
  }
}

function recordOf(n) {
  const { collector, offsetMs: offset } = scheduleOf(n, EVERY_MS);
  return {
    ...{ v: 1, id: collector, input: 'bench', inputNumber: 1, key: `bench/bench:C${n}`, module: 'bench' },
    ...{ class: `C${n}`, name: `C${n}`, everyMs: EVERY_MS, timeoutMs: 300_000, paused: false },
    ...{ offsetMs: offset, pool: 'default' },
  };
}

function successOf(id, collector, dueMs) {
  const nowMs = Date.now();
  return {
    ...{
      v: 1,
      id,
      collector,
      kind: 'grid',
      dueMs,
      startedMs: nowMs,
      endedMs: nowMs,
      attempt: 1,
      worker: 'bench',
    },
    ...{ outcome: { kind: 'succeeded' }, sandbox: 'none', cpuMs: 0, maxRssKb: 0 },
    phases: { lagMs: 0, prepareMs: 0, forkMs: 0, runMs: 0, normaliseMs: 0, deliverMs: 0 },
    points: { reported: 0, delivered: 0, queued: 0, dead: 0 },
    ...{ warnings: [], error: null, hint: null, stdout: '', stderr: '', stdoutBytes: 0, stderrBytes: 0 },
  };
}

async function usedBytes() {
  return Number(/used_memory:(\d+)/.exec(await redis.info('memory'))[1]);
}

async function timed(task) {
  const startMs = performance.now();
  await task();
  return performance.now() - startMs;
}
