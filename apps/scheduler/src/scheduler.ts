import type { BundleLimits, BundleProblem } from '@pythond/bundles';
import { type ConfigProblem, formatInputProblem, formatProblem, readInputs } from '@pythond/config';
import type { DiscoverJob, InputDefinition } from '@pythond/jobs';
import { type Component, Recurring, runAll } from '@pythond/lifecycle';
import {
  connect,
  JobQueue,
  JobWorker,
  queueNames,
  type Redis,
  type RedisTarget,
  TickQueue,
} from '@pythond/queue';
import { BundleArchive, Collectors, Fleet, Inputs, type Problem } from '@pythond/registry';
import type { Logger } from '@pythond/telemetry';
import { takeOver } from './discoveries.ts';
import type { SchedulerEvent } from './events.ts';
import { describeBundleProblem, rollOut } from './rollout.ts';
import { correctSchedules } from './schedules.ts';

export interface SchedulerOptions {
  readonly home: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly secretsDirs: readonly string[];
  readonly bundleLimits: Partial<BundleLimits>;
  readonly redis: RedisTarget;
  /** Told to workers that know of no DataKit themselves; null: the one of `datakit.conf`, if there is one. */
  readonly datakit: string | null;
  readonly log: Logger;
  readonly onEvent?: (event: SchedulerEvent) => void;
}

/** How often wanted and stored schedules are compared: what is gone is back within two of these. */
const WATCH_MS = 15_000;
const COLLECT_GARBAGE_MS = 3600_000;

/**
 * Reads the home, puts inputs and bundles into Redis, has them discovered, and keeps one Job Scheduler a collector.
 *
 * States: starting (reading and rolling out) → watching (taking over discoveries, correcting schedules) → stopped.
 * Everything it knows is in Redis: a second one does the same work again and changes nothing by it.
 */
export class Scheduler implements Component {
  readonly name = 'scheduler';
  readonly #options: SchedulerOptions;
  readonly #redis: Redis;
  readonly #blocking: Redis;
  readonly #inputs: Inputs;
  readonly #collectors: Collectors;
  readonly #bundles: BundleArchive;
  readonly #fleet: Fleet;
  readonly #tickQueues = new Map<string, TickQueue>();
  readonly #discoverQueues = new Map<string, JobQueue<DiscoverJob>>();
  readonly #watch: Recurring;
  readonly #garbage: Recurring;
  #discovered: JobWorker | undefined;

  constructor(options: SchedulerOptions) {
    this.#options = options;
    const onError = (error: Error) => options.log.warn({ err: error }, 'redis connection');
    this.#redis = connect(options.redis, 'failing', onError);
    this.#blocking = connect(options.redis, 'waiting', onError);
    this.#inputs = new Inputs(this.#redis);
    this.#collectors = new Collectors(this.#redis);
    this.#bundles = new BundleArchive(this.#redis);
    this.#fleet = new Fleet(this.#redis);
    const report = (error: unknown) => options.log.warn({ err: error }, 'will be tried again');
    this.#watch = new Recurring(() => this.#correct(), WATCH_MS, report);
    this.#garbage = new Recurring(() => this.#collectGarbage(), COLLECT_GARBAGE_MS, report);
  }

  async start(): Promise<void> {
    this.#discovered = new JobWorker({
      queue: queueNames.discovered,
      connection: this.#blocking,
      concurrency: 1, // two discoveries of one input must not overtake each other
      process: (data) =>
        takeOver(data, {
          inputs: this.#inputs,
          collectors: this.#collectors,
          ticks: (pool) => this.#ticks(pool),
          emit: (event) => this.#emit(event),
          now: Date.now,
        }),
      onError: (error) => this.#options.log.warn({ err: error }, 'discovered queue'),
      keep: 100,
    });
    await this.#readHome();
    await this.#correct();
    this.#watch.start();
    this.#garbage.start();
  }

  async stop(): Promise<void> {
    await runAll([
      () => this.#watch.stop(),
      () => this.#garbage.stop(),
      () => this.#discovered?.stop(5_000),
      ...[...this.#tickQueues.values()].map((queue) => () => queue.close()),
      ...[...this.#discoverQueues.values()].map((queue) => () => queue.close()),
      () => this.#redis.disconnect(),
      () => this.#blocking.disconnect(),
    ]);
  }

  /** Everything on disk, into Redis. One input's trouble is a problem of that input, never of the others. */
  async #readHome(): Promise<void> {
    const { home, env, secretsDirs } = this.#options;
    const { inputs, problems, datakitConf } = await readInputs({ home, env, secretsDirs });
    const datakit = this.#options.datakit ?? datakitConf.url;
    if (datakit) await this.#fleet.publishDatakit(datakit);
    const found = problems.map((problem) => toProblem(problem));
    const rolledOut: string[] = [];
    for (const definition of inputs) {
      const { done, problems: own } = await this.#rollOut(definition);
      found.push(...own);
      if (done) rolledOut.push(definition.key);
    }
    if (!found.some(({ level }) => level === 'error')) await this.#removeOthers(inputs);
    await this.#fleet.putProblems(found);
    for (const problem of found) this.#emit({ kind: 'problem', problem });
    this.#emit({ kind: 'home-read', inputs: rolledOut });
  }

  async #rollOut(definition: InputDefinition): Promise<{ done: boolean; problems: Problem[] }> {
    try {
      const { problems, number, changed } = await rollOut(definition, {
        home: this.#options.home,
        limits: this.#options.bundleLimits,
        inputs: this.#inputs,
        bundles: this.#bundles,
        discover: (pool) => this.#discover(pool),
      });
      this.#options.log.info({ input: definition.key, number, changed }, 'input rolled out');
      return { done: true, problems: problems.map((problem) => bundleProblem(definition, problem)) };
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const text = formatInputProblem(definition, { level: 'error', message });
      return { done: false, problems: [{ level: 'error', code: 'roll-out', text }] };
    }
  }

  /** Inputs that the configuration no longer has. Not called while a file is broken: its inputs may be in there. */
  async #removeOthers(inputs: readonly InputDefinition[]): Promise<void> {
    const wanted = new Set(inputs.map(({ key }) => key));
    const old = (await this.#inputs.names()).filter((name) => !wanted.has(name));
    if (old.length === 0) return;
    const views = await this.#collectors.list();
    const gone = views.map(({ record }) => record).filter(({ input }) => old.includes(input));
    await this.#collectors.remove(gone.map(({ id }) => id));
    for (const { id } of gone) this.#emit({ kind: 'collector-gone', id });
    for (const input of old) await this.#inputs.remove(input);
  }

  async #correct(): Promise<void> {
    const records = (await this.#collectors.list()).map((view) => view.record);
    const pools = new Set([...this.#tickQueues.keys(), ...records.map(({ pool }) => pool)]);
    for (const pool of pools) {
      const own = records.filter((record) => record.pool === pool);
      const done = await correctSchedules(this.#ticks(pool), own, Date.now());
      if (done.upserted + done.removed > 0) this.#options.log.info({ pool, ...done }, 'schedules corrected');
    }
  }

  /** Bundles that neither an input's newest version nor a collector that stayed on an older one needs. */
  async #collectGarbage(): Promise<void> {
    const wanted = new Set<string>();
    const latest = await Promise.all((await this.#inputs.names()).map((name) => this.#inputs.latest(name)));
    for (const record of latest) if (record) wanted.add(record.bundle);
    for (const { record } of await this.#collectors.list()) {
      const used = await this.#inputs.get(record.input, record.inputNumber);
      if (used) wanted.add(used.bundle);
    }
    const old = await this.#bundles.collect(wanted, Date.now());
    if (old.length > 0) this.#options.log.info({ bundles: old.length }, 'old bundles removed');
  }

  #ticks(pool: string): TickQueue {
    return getOrMake(this.#tickQueues, pool, () => new TickQueue(pool, this.#redis));
  }

  #discover(pool: string): JobQueue<DiscoverJob> {
    return getOrMake(
      this.#discoverQueues,
      pool,
      () => new JobQueue<DiscoverJob>(queueNames.discover(pool), this.#redis),
    );
  }

  #emit(event: SchedulerEvent): void {
    this.#options.log.info(event);
    this.#options.onEvent?.(event);
  }
}

function getOrMake<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}

function toProblem(problem: ConfigProblem): Problem {
  return { level: problem.level, code: problem.code, text: formatProblem(problem) };
}

function bundleProblem(definition: InputDefinition, problem: BundleProblem): Problem {
  const { level, code } = problem;
  return { level, code, text: describeBundleProblem(definition, problem) };
}
