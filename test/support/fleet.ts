import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Standin, type StandinOptions, startStandin } from '@pythond/datakit-standin';
import { type CollectorId, type RunRecord, schedulerId, tickId } from '@pythond/jobs';
import { connect, type Redis, type RedisTarget, TickQueue } from '@pythond/queue';
import { Collectors, type CollectorView, Fleet, keys, type WorkerView } from '@pythond/registry';
import { onTestFinished } from 'vitest';
import { type CliResult, type RunningCli, runCli, startCli } from './cli.ts';
import { eventually } from './eventually.ts';
import { type FleetRedis, startFleetRedis } from './fleet-redis.ts';
import { makeHome, type TestHome } from './home.ts';
import { type KnownProcess, killAll, treeOf, untilGone } from './processes.ts';
import { Tally } from './tally.ts';

/** Several may start at once, on a slow machine. */
const START_MS = 300_000;

export type AppName = 'scheduler' | 'worker' | 'normalizer';

export interface FleetOptions {
  readonly standin?: StandinOptions;
  /** Where points go, when not to the stand-in. */
  readonly datakit?: string;
  /** A Redis that runs already, and how apps and commands are told of it; the default: one of its own. */
  readonly redis?: { readonly target: RedisTarget; readonly env: Readonly<Record<string, string>> };
  /** Settings of the Redis that it takes on its command line only. */
  readonly redisArguments?: readonly string[];
  /** Called at the end of the test, or of all tests of a file; the default: of the test. */
  readonly atEnd?: (stop: () => Promise<void>) => void;
}

/** Apps in processes of their own on one Redis, with a home and a DataKit that keeps what it gets. */
export class TestFleet {
  readonly home: TestHome;
  readonly tally: Tally;
  readonly standin: Standin;
  readonly redis: Redis;
  readonly collectors: Collectors;
  readonly ticks: TickQueue;
  /** The unix socket of its own Redis; '' for one that was given. */
  readonly redisPath: string;
  readonly #server: Pick<FleetRedis, 'stop' | 'start'>;
  readonly #env: Readonly<Record<string, string>>;
  readonly #running = new Set<RunningCli>();
  #seen: KnownProcess[] = [];

  constructor(parts: {
    readonly home: TestHome;
    readonly standin: Standin;
    readonly redis: Redis;
    readonly env: Readonly<Record<string, string>>;
    readonly server: Pick<FleetRedis, 'stop' | 'start'>;
  }) {
    this.home = parts.home;
    this.standin = parts.standin;
    this.redis = parts.redis;
    this.#env = parts.env;
    this.#server = parts.server;
    this.redisPath = parts.redis.options.path ?? '';
    this.tally = new Tally(parts.home);
    this.collectors = new Collectors(parts.redis);
    this.ticks = new TickQueue('default', parts.redis);
  }

  /** Ends the Redis; `kill`: without a word. */
  stopRedis(how: 'stop' | 'kill'): Promise<void> {
    return this.#server.stop(how);
  }

  /** Starts it again, with its data and where it was. */
  startRedis(): Promise<void> {
    return this.#server.start();
  }

  async restartRedis(how: 'stop' | 'kill'): Promise<void> {
    await this.stopRedis(how);
    await this.startRedis();
  }

  start(
    app: AppName,
    env: Readonly<Record<string, string>> = {},
    inside: readonly string[] = [],
  ): RunningCli {
    const cli = startCli([app], { cwd: this.home.dir, env: { ...this.#env, ...env }, inside });
    this.#running.add(cli);
    void cli.ended.then(() => this.#running.delete(cli));
    return cli;
  }

  /** Starts one and waits until the fleet knows it. */
  async startWorker(
    env: Readonly<Record<string, string>> = {},
    inside: readonly string[] = [],
  ): Promise<RunningCli> {
    const cli = this.start('worker', env, inside);
    const isKnown = async () => {
      if (cli.process.exitCode !== null) throw new Error(`it ended: ${cli.stdout()}${cli.stderr()}`);
      return this.workerOf(cli);
    };
    await eventually('the worker to be known', isKnown, START_MS);
    return cli;
  }

  /** What the fleet knows of a worker's process. */
  async workerOf({ pid }: RunningCli): Promise<WorkerView | undefined> {
    return (await new Fleet(this.redis).workers()).find((worker) => worker.pid === pid);
  }

  cli(...args: string[]): Promise<CliResult> {
    return runCli(args, { cwd: this.home.dir, env: this.#env });
  }

  /** Asks for a run by hand; the id that it is going to have. */
  async askForRun(id: CollectorId): Promise<string> {
    const job = tickId('manual', schedulerId(id), Date.now(), randomBytes(4).toString('hex'));
    await this.ticks.runOnce(job, id);
    return job;
  }

  /** A command that goes on for a while. */
  begin(...args: string[]): RunningCli {
    return startCli(args, { cwd: this.home.dir, env: this.#env });
  }

  /** A run by hand; its record. */
  async run(collector: string): Promise<RunRecord> {
    const { stdout, stderr } = await this.cli('run', collector, '--json');
    try {
      return JSON.parse(stdout) as RunRecord;
    } catch (cause) {
      throw new Error(`no record of a run of ${collector}: ${stdout}${stderr}`, { cause });
    }
  }

  async view(id: string): Promise<CollectorView | null> {
    return this.collectors.get(id as CollectorId);
  }

  /** The newest runs, oldest first. */
  async runs(id: string): Promise<RunRecord[]> {
    return (await this.collectors.runs(id as CollectorId, 100)).reverse();
  }

  async counts(id: string): Promise<Readonly<Record<string, number>>> {
    return (await this.view(id))?.counts ?? {};
  }

  /** Who runs a collector now, and for which job. */
  async holder(id: string): Promise<{ job: string; worker: string } | null> {
    const lease = await this.redis.get(keys.lease(schedulerId(id as CollectorId)));
    const [, job = '', worker = ''] = lease?.split('|') ?? [];
    return lease ? { job, worker } : null;
  }

  /** The worker process among these that runs a collector now. */
  async busyOf(id: string, workers: readonly RunningCli[]): Promise<RunningCli> {
    return eventually(`a worker to run ${id}`, async () => {
      const name = (await this.holder(id))?.worker;
      for (const worker of workers) {
        if (name !== undefined && (await this.workerOf(worker))?.name === name) return worker;
      }
      return null;
    });
  }

  /** Ends everything, the hard way where it has to be, and fails when something is left. */
  async stop(): Promise<void> {
    await this.tally.letGo();
    const started = [...this.#running];
    this.#seen = started.flatMap(({ pid }) => treeOf(pid));
    try {
      await Promise.all(started.map((cli) => cli.stop('SIGTERM')));
      await untilGone(this.#seen);
    } finally {
      killAll(this.#seen);
      await this.ticks.close();
      this.redis.disconnect();
    }
  }
}

/** A fleet without any app yet, which is stopped and leaves nothing behind when the test is over. */
export async function makeFleet(options: FleetOptions = {}): Promise<TestFleet> {
  const atEnd = options.atEnd ?? ((stop) => onTestFinished(stop));
  const { target, env, server } = options.redis
    ? { ...options.redis, server: foreign }
    : await ownRedis(atEnd, options.redisArguments ?? []);
  const standin = await startStandin(options.standin);
  atEnd(() => standin.close());
  const home = await makeHome({});
  atEnd(() => home.remove());
  const redis = connect(target, 'failing', () => undefined);
  const withDatakit = { ...env, DATAKIT_URL: options.datakit ?? standin.url };
  const fleet = new TestFleet({ home, standin, redis, env: withDatakit, server });
  atEnd(() => fleet.stop());
  return fleet;
}

const isForeign = () => Promise.reject(new Error('this Redis is not its own'));
const foreign: Pick<FleetRedis, 'stop' | 'start'> = { stop: isForeign, start: isForeign };

async function ownRedis(atEnd: (stop: () => Promise<void>) => void, given: readonly string[]) {
  const dir = await mkdtemp(path.join(tmpdir(), 'pythond-fleet-'));
  atEnd(() => rm(dir, { recursive: true, force: true }));
  const server = await startFleetRedis(dir, given);
  atEnd(() => server.stop('stop'));
  const { url, password, passwordFile } = server;
  const env = { REDIS_URL: url, PYTHOND_REDIS_PASSWORD_FILE: passwordFile };
  return { target: { url, password }, env, server };
}
