import { chmod, mkdir, mkdtemp } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import path from 'node:path';
import { type BundleCache, createBundleCache } from '@pythond/bundles';
import { createDataKitClient, createSharedPacer, type DataKitClient } from '@pythond/datakit';
import {
  type CollectorId,
  type DiscoverJob,
  type Discovery,
  laneOf,
  placeOf,
  type ResidentPlan,
  type TrustedKey,
} from '@pythond/jobs';
import { type Component, Recurring, runAll } from '@pythond/lifecycle';
import { Outbox, type OutboxOptions } from '@pythond/outbox';
import type { LatePolicy } from '@pythond/points';
import {
  connect,
  ErrorReports,
  JobQueue,
  JobWorker,
  queueNames,
  type Redis,
  type RedisTarget,
  TickQueue,
} from '@pythond/queue';
import {
  BundleArchive,
  clockText,
  Fleet,
  FleetClock,
  GatheredLags,
  HEARTBEAT_MS,
  Inputs,
  Leases,
  Rates,
  Residents,
  type WorkerView,
} from '@pythond/registry';
import { createHostPool, type HostEvent, type HostPool, removeFolder } from '@pythond/runner';
import type { SandboxLevel } from '@pythond/sandbox';
import type { Logger } from '@pythond/telemetry';
import { AutoIsolation } from './auto-isolation.ts';
import { BundlesAmiss } from './bundles-amiss.ts';
import { ClockWatch } from './clock-watch.ts';
import { Collect, type TickHandOver } from './collect.ts';
import { type ConfineRequest, confineInput } from './confine-input.ts';
import { Delivery } from './delivery.ts';
import { type DiscoverDeps, discover } from './discover.ts';
import type { WorkerEvent } from './events.ts';
import { HandOver } from './hand-over.ts';
import { InputSupply } from './input-supply.ts';
import { Interpreters } from './interpreters.ts';
import { Lanes } from './lanes.ts';
import { LastErrors } from './last-errors.ts';
import { LeaseKeeper } from './lease-keeper.ts';
import { ResidentHolder } from './resident-holder.ts';
import { TickRun } from './run-tick.ts';
import { findSandbox, type WorkerSandbox } from './sandbox.ts';
import { StateCache } from './state-cache.ts';
import { publishedJudge } from './trusted-published.ts';
import { TrustedRecords } from './trusted-records.ts';

export interface WorkerOptions {
  /** Unique in the fleet. */
  readonly name: string;
  /** The machine that it is on, by the name that the fleet has for it. */
  readonly host: string;
  readonly version: string;
  readonly redis: RedisTarget;
  readonly pools: readonly string[];
  /** Runs at once. */
  readonly concurrency: number;
  readonly maxHosts: number;
  /** What they may use together. */
  readonly maxHostBytes: number;
  /** Residents at once. */
  readonly maxResidents: number;
  /** The DataKit of inputs that name none; null: what the scheduler published, else DataKit's default address. */
  readonly datakit: string | null;
  /** What Redis keeps of what was not accepted. */
  readonly outbox: OutboxOptions;
  /** What becomes of metrics that are late. */
  readonly late: LatePolicy;
  /** `strict`: start only where runs can be confined. */
  readonly sandbox: SandboxLevel;
  /** How long runs may go on after the worker was told to stop; whoever stops it has to wait a little longer. */
  readonly drainMs: number;
  readonly cacheDir: string;
  readonly secretsDirs: readonly string[];
  /** It acts on nothing that is not signed with one of these; null: it acts on whatever is in Redis. */
  readonly trustedKeys: readonly TrustedKey[] | null;
  /** The folder of `datakit_framework.py` and the host. */
  readonly corePath: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Logger;
  readonly onEvent?: (event: WorkerEvent) => void;
  /** This machine's clock as it is compared with Redis's; the default: the clock. */
  readonly now?: () => number;
}

export const DEFAULT_DATAKIT = 'http://127.0.0.1:9529';
const DISCOVER_CONCURRENCY = 2;
/** Of what was left for newer workers, remembered as said. */
const MAX_LEFT = 1_000;
/** How often a discovery that was handed over is tried when the worker that has it dies. */
const DISCOVER_ATTEMPTS = 3;
/** After the drain: how long what runs had reported until then may take to be batched. */
const CUT_MS = 1_000;
/** A run whose points wait for an answer keeps others from a full worker's places for so long at most. */
const GIVE_WAY_AFTER_MS = 700;

/**
 * Pulls ticks, runs collectors, delivers their points. Everything it needs comes from Redis; nothing is lost with it.
 *
 * States: starting → working → draining (takes nothing new) → stopped. While its clock differs from Redis's it takes
 * nothing new either: its ticks would be early or late, and the schedules that it moves on far ahead. Stopping ends intake first, then runs, then
 * hosts, then what is still to be delivered, then connections.
 */
export class Worker implements Component {
  readonly name = 'worker';
  readonly #options: WorkerOptions;
  readonly #redis: Redis;
  readonly #blocking: Redis;
  readonly #fleet: Fleet;
  readonly #keeper: LeaseKeeper;
  readonly #outbox: Outbox;
  readonly #delivery: Delivery;
  /** For what is asked of DataKits; points have a client of their own. */
  readonly #client: DataKitClient = createDataKitClient();
  readonly #clocks: ClockWatch;
  readonly #fleetClock: FleetClock;
  readonly #lastErrors = new LastErrors({ client: this.#client });
  readonly #startedMs = Date.now();
  readonly #beat: Recurring;
  readonly #discovered: JobQueue<Discovery>;
  #workers: JobWorker[] = [];
  #interpreters: Interpreters | undefined;
  #lanes: Lanes | undefined;
  readonly #ticks = new Map<string, TickQueue>();
  #hosts: HostPool | undefined;
  #inputs: InputSupply | undefined;
  #bundles: BundleCache | undefined;
  readonly #discover = new Map<string, JobQueue<DiscoverJob>>();
  #tmpDir: string | undefined;
  #sandbox: WorkerSandbox | undefined;
  /** Hosts that were not asked to end, by reason. */
  readonly #hostDeaths: Record<string, number> = {};
  readonly #amiss = new BundlesAmiss();
  readonly #states = new StateCache();
  readonly #lags = new GatheredLags();
  /** What was said of records that it can't read. */
  readonly #left = new Set<string>();
  #residents: ResidentHolder | undefined;
  #auto: AutoIsolation | undefined;
  /** A heartbeat out of turn. */
  #extraBeat: Promise<void> = Promise.resolve();
  #stopping = false;
  #published: string | null = null;
  #runs = 0;

  constructor(options: WorkerOptions) {
    this.#options = options;
    const reports = new ErrorReports((error, before) =>
      options.log.warn({ err: error, before }, 'will be tried again'),
    );
    const report = (error: unknown) => reports.add(error);
    this.#redis = connect(options.redis, 'failing', report);
    this.#blocking = connect(options.redis, 'waiting', report);
    this.#fleet = new Fleet(this.#redis);
    this.#keeper = new LeaseKeeper(new Leases(this.#redis), report);
    this.#discovered = new JobQueue<Discovery>(queueNames.discovered, this.#redis);
    this.#outbox = new Outbox(this.#redis, options.outbox);
    this.#delivery = new Delivery({
      outbox: this.#outbox,
      datakit: {
        pacer: createSharedPacer({ source: new Rates(this.#redis, { source: hostname() }) }),
        giveWay: { afterMs: GIVE_WAY_AFTER_MS, isCrowded: () => this.#isCrowded },
      },
      log: options.log,
      emit: (event) => this.#emit(event),
    });
    this.#clocks = new ClockWatch({
      client: this.#client,
      onOff: (endpoint, aheadMs) => this.#emit({ kind: 'clock-off', endpoint, aheadMs }),
      onError: report,
    });
    this.#fleetClock = new FleetClock({
      ...{ redis: this.#redis, onError: report, ...(options.now ? { now: options.now } : {}) },
      onOff: (aheadMs) => this.#onClockOff(aheadMs),
      onRight: () => this.#onClockRight(),
    });
    this.#beat = new Recurring(() => this.#heartbeat(), HEARTBEAT_MS, report);
  }

  async start(): Promise<void> {
    const { cacheDir, corePath, maxHosts, maxHostBytes, env, secretsDirs, log } = this.#options;
    this.#sandbox = await findSandbox({ wanted: this.#options.sandbox, env, corePath });
    log[this.#sandbox.level === 'none' ? 'warn' : 'info']({ sandbox: this.#sandbox.text }, 'sandbox');
    this.#sayTrust();
    await mkdir(cacheDir, { recursive: true, mode: 0o755 });
    this.#tmpDir = await mkdtemp(path.join(tmpdir(), 'pythond-worker-'));
    await chmod(this.#tmpDir, 0o755); // hosts become other users, and have to get through
    const inputs = new Inputs(this.#redis);
    this.#bundles = createBundleCache({ dir: cacheDir, store: new BundleArchive(this.#redis) });
    this.#inputs = new InputSupply({
      records: new TrustedRecords({
        ...{ stored: (input, number) => inputs.stored(input, number), keys: this.#options.trustedKeys },
        ...{ pools: this.#options.pools, ...(this.#options.now ? { now: this.#options.now } : {}) },
      }),
      bundles: this.#bundles,
      onAmiss: (bundle) => this.#amiss.met(bundle),
      env,
      secretsDirs,
      host: this.#options.host,
      confine: (request) => this.#confine(request),
      cwd: this.#tmpDir,
    });
    const onEvent = (event: HostEvent) => this.#onHost(event);
    this.#hosts = createHostPool({
      ...{ maxHosts, maxMemoryBytes: maxHostBytes, corePath, tmpDir: this.#tmpDir, onEvent },
    });
    this.#auto = new AutoIsolation({ inputs, discover: (pool) => this.#discoverQueue(pool) });
    this.#interpreters = new Interpreters({
      ...{ env, cwd: this.#tmpDir },
      onChange: () => this.#beatNow(),
    });
    this.#keeper.start();
    await this.#fleetClock.start();
    await this.#heartbeat();
    this.#beat.start();
    this.#clocks.start();
    const runs = this.#makeRuns();
    const handOver = this.#makeHandOver();
    this.#workers = this.#options.pools.flatMap((pool) => [
      this.#discoverFrom(pool, pool, handOver),
      ...this.#placesOf(pool).map((place) => this.#collectFrom(place, place, handOver, runs)),
    ]);
    if (this.#fleetClock.offMs !== null) for (const worker of this.#workers) worker.pause();
    this.#lanes = this.#makeLanes(runs);
    await Promise.all(this.#workers.map((worker) => worker.ready()));
    this.#residents = this.#makeHolder(this.#inputs, this.#tmpDir);
    this.#residents.start();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    // a run that was cut short waits for a DataKit that does not answer no longer than that: the outbox has its points then
    const late = setTimeout(
      () => void this.#delivery.stop().catch(() => undefined),
      this.#options.drainMs + CUT_MS,
    );
    await runAll([
      () => this.#drain(),
      () => clearTimeout(late),
      () => this.#hosts?.stop(),
      () => this.#delivery.stop(),
      () => this.#clocks.stop(),
      () => this.#fleetClock.stop(),
      () => this.#lastErrors.stop(),
      () => this.#client.close(),
      () => this.#outbox.close(),
      () => this.#keeper.stop(),
      () => this.#beat.stop(),
      () => this.#extraBeat,
      () => this.#fleet.leave(this.#options.name).catch(() => undefined), // it expires by itself
      () => this.#inputs?.close(),
      () => this.#bundles?.close(),
      () => this.#discovered.close(),
      ...[...this.#discover.values(), ...this.#ticks.values()].map((queue) => () => queue.close()),
      () => this.#redis.disconnect(),
      () => this.#blocking.disconnect(),
      () => this.#tmpDir && removeFolder(this.#tmpDir),
    ]);
  }

  async #drain(): Promise<void> {
    const { drainMs } = this.#options;
    await Promise.all([
      this.#residents?.stop(drainMs),
      ...this.#workers.map((worker) => worker.stop(drainMs)),
      this.#lanes?.stop(drainMs),
    ]);
  }

  /** What this worker takes of a pool: what is for anybody, and what is for its host alone. */
  #placesOf(pool: string): string[] {
    return [pool, placeOf({ pool, host: this.#options.host })];
  }

  #makeRuns(): TickRun {
    return new TickRun({
      worker: this.#options.name,
      sandbox: required(this.#sandbox).level,
      leases: new Leases(this.#redis),
      keeper: this.#keeper,
      inputs: required(this.#inputs),
      hosts: required(this.#hosts),
      outlet: this.#delivery,
      lastErrors: this.#lastErrors,
      late: this.#options.late,
      states: this.#states,
      auto: required(this.#auto),
      ownDatakit: () => this.#ownDatakit,
      emit: (event) => this.#emit(event),
    });
  }

  #makeHandOver(): HandOver {
    const interpreters = required(this.#interpreters);
    return new HandOver({ worker: this.#options.name, fleet: this.#fleet, interpreters });
  }

  #makeLanes(runs: TickRun): Lanes {
    const { name, pools, log } = this.#options;
    return new Lanes({
      worker: name,
      places: pools.flatMap((pool) => this.#placesOf(pool)),
      found: () => this.#interpreters?.found ?? {},
      open: (place, cmd) => {
        log.info({ place, cmd }, 'takes over from workers on which this does not start');
        const lane = laneOf(place, cmd);
        const opened = [this.#collectFrom(place, lane, null, runs)];
        if (pools.includes(place)) opened.push(this.#discoverFrom(place, lane, null));
        if (this.#fleetClock.offMs !== null) for (const worker of opened) worker.pause();
        return opened;
      },
      onError: (error) => log.warn({ err: error }, 'queue'),
    });
  }

  /** `queue`: the pool itself, or what others hand over of it. */
  #discoverFrom(pool: string, queue: string, handOver: HandOver | null): JobWorker {
    const { name, log } = this.#options;
    const put: NonNullable<DiscoverDeps['handOver']>['put'] = (of, cmd, id, job) =>
      this.#discoverQueue(laneOf(of, cmd)).add(job, { id, attempts: DISCOVER_ATTEMPTS });
    const deps: DiscoverDeps = {
      ...{ worker: name, pool, inputs: required(this.#inputs), hosts: required(this.#hosts) },
      ...{ registry: new Inputs(this.#redis), discovered: this.#discovered },
      handOver: handOver && { judge: (...args) => handOver.judge(...args), put },
      onLeft: (message) => this.#emit({ kind: 'left-for-newer', message }),
    };
    return new JobWorker({
      queue: queueNames.discover(queue),
      connection: this.#blocking,
      concurrency: DISCOVER_CONCURRENCY,
      process: (data, context) => discover(data, context, deps),
      onError: (error, before) => log.warn({ err: error, queue, before }, 'queue'),
      keep: 100,
    });
  }

  /** `queue`: the place itself, or what others hand over of it. */
  #collectFrom(place: string, queue: string, handOver: HandOver | null, runs: TickRun): JobWorker {
    const { name, concurrency, log } = this.#options;
    const [pool = place] = place.split('@', 1);
    const put: TickHandOver['put'] = (of, cmd, job, collector) =>
      this.#ticksOf(laneOf(of, cmd)).runOnce(job, collector as CollectorId);
    const collect = new Collect({
      ...{ worker: name, place, runs, states: this.#states, leases: new Leases(this.#redis) },
      lag: this.#lags.of(pool),
      clock: this.#fleetClock,
      handOver: handOver && {
        isForOthers: (...args) => handOver.isForOthers(...args),
        judge: (...args) => handOver.judge(...args),
        put,
      },
      emit: (event) => this.#emit(event),
    });
    return new JobWorker({
      queue: queueNames.collect(queue),
      connection: this.#blocking,
      concurrency,
      process: (_data, context) => collect.process(context),
      onError: (error, before) => log.warn({ err: error, queue, before }, 'queue'),
    });
  }

  /** Every place is taken, and not all of them wait for the same DataKit. */
  get #isCrowded(): boolean {
    return this.#keeper.size >= this.#options.concurrency && this.#delivery.hasSeveralDatakits;
  }

  get #ownDatakit(): string {
    return this.#options.datakit ?? this.#published ?? DEFAULT_DATAKIT;
  }

  #makeHolder(inputs: InputSupply, tmpDir: string): ResidentHolder {
    const { name, host, pools, maxResidents, corePath, log } = this.#options;
    return new ResidentHolder({
      ...{ worker: name, host, pools, maxResidents, inputs, corePath, tmpDir, log },
      sandbox: required(this.#sandbox).level,
      residents: new Residents(this.#redis),
      fleet: this.#fleet,
      mayTake: () => this.#fleetClock.offMs === null,
      keeper: this.#keeper,
      outlet: this.#delivery,
      lastErrors: this.#lastErrors,
      late: this.#options.late,
      ownDatakit: () => this.#ownDatakit,
      isLeftToOthers: (place, plan) => this.#isLeftToOthers(place, plan),
      emit: (event) => this.#emit(event),
      onError: (error) => log.warn({ err: error }, 'residents'),
    });
  }

  async #isLeftToOthers(place: string, { input, number }: ResidentPlan): Promise<boolean> {
    const cmd = await required(this.#inputs).cmdOf(input, number);
    return cmd !== null && this.#makeHandOver().isLeftToOthers(place, cmd);
  }

  #ticksOf(place: string): TickQueue {
    const known = this.#ticks.get(place);
    if (known) return known;
    const queue = new TickQueue(place, this.#redis);
    this.#ticks.set(place, queue);
    return queue;
  }

  #discoverQueue(pool: string): JobQueue<DiscoverJob> {
    const known = this.#discover.get(pool);
    if (known) return known;
    const queue = new JobQueue<DiscoverJob>(queueNames.discover(pool), this.#redis);
    this.#discover.set(pool, queue);
    return queue;
  }

  async #confine(request: ConfineRequest) {
    const { level } = required(this.#sandbox);
    const { corePath } = this.#options;
    const confinement = await confineInput(request, { level, corePath, tmpDir: required(this.#tmpDir) });
    if (confinement.level !== level) this.#emit({ kind: 'not-confined', input: request.record.key });
    return confinement;
  }

  #onHost(event: HostEvent): void {
    const { log } = this.#options;
    if (event.kind !== 'gone' || event.death.reason === 'stopped') return log.debug(event, 'host');
    const { reason } = event.death;
    this.#hostDeaths[reason] = (this.#hostDeaths[reason] ?? 0) + 1;
    log.warn(event, 'host');
  }

  #onClockOff(aheadMs: number): void {
    const { log, name, host } = this.#options;
    log.error({ aheadMs }, `${clockText(`${host} (worker ${name})`, aheadMs)}: it takes no ticks`);
    for (const worker of this.#taking) worker.pause();
  }

  #onClockRight(): void {
    this.#options.log.info('the clock is that of Redis again, and it goes on');
    for (const worker of this.#taking) worker.resume();
  }

  get #taking(): JobWorker[] {
    return [...this.#workers, ...(this.#lanes?.workers ?? [])];
  }

  #beatNow(): void {
    if (this.#stopping) return;
    const before = this.#extraBeat;
    this.#extraBeat = before.then(() => this.#heartbeat()).catch(() => undefined); // the next one comes by itself
  }

  async #heartbeat(): Promise<void> {
    const { name, host, version, pools, concurrency } = this.#options;
    const isBelieved = publishedJudge(this.#options.trustedKeys, this.#options.now ?? Date.now);
    const { datakit, cmds } = await this.#fleet.published(pools, isBelieved);
    this.#published = datakit;
    this.#clocks.sees(this.#ownDatakit);
    this.#interpreters?.sees(cmds);
    const view: WorkerView = {
      name,
      host,
      pid: process.pid,
      version,
      startedMs: this.#startedMs,
      pools: [...pools],
      takesOwnHost: true,
      concurrency,
      running: this.#keeper.size,
      residents: this.#residents?.size ?? 0,
      runs: this.#runs,
      sandbox: this.#sandbox?.level ?? 'strict',
      hostDeaths: this.#hostDeaths,
      bundlesAmiss: this.#amiss.digests,
      clocksOff: this.#clocks.off,
      redisClockOff: this.#fleetClock.offMs,
      cmds: this.#interpreters?.found ?? {},
      trustedKeys: this.#options.trustedKeys?.map(({ id }) => id) ?? null,
    };
    const lags = this.#lags.take();
    try {
      await this.#fleet.beat(view, lags);
    } catch (error) {
      this.#lags.putBack(lags);
      throw error;
    }
    this.#lanes?.look(await this.#fleet.workers());
  }

  #sayTrust(): void {
    const { trustedKeys, log } = this.#options;
    if (trustedKeys)
      log.info({ trustedKeys: trustedKeys.map(({ id }) => id) }, 'it acts on signed records only');
    else
      log.info(
        'it acts on unsigned records, so whoever can write to Redis decides what it runs: no trusted_keys',
      );
  }

  #emit(event: WorkerEvent): void {
    if (event.kind === 'run-ended') {
      this.#runs += 1;
      this.#logRun(event);
    } else if (event.kind === 'not-confined') this.#options.log.warn(event, 'NOT CONFINED');
    else if (event.kind === 'left-for-newer') this.#logLeft(event.message);
    else if (event.kind === 'clock-off') this.#options.log.warn(event, 'the clocks differ');
    else this.#options.log.debug(event);
    if (event.kind === 'delivered') this.#clocks.sees(event.endpoint);
    this.#options.onEvent?.(event);
  }

  /** Once: every tick of it would say the same. */
  #logLeft(message: string): void {
    if (this.#left.has(message)) return;
    if (this.#left.size >= MAX_LEFT) this.#left.clear();
    this.#left.add(message);
    this.#options.log.warn({ message }, 'left for a worker of a newer version');
  }

  /** One line a run; what the script printed stands under a key of its own. */
  #logRun({ record }: Extract<WorkerEvent, { kind: 'run-ended' }>): void {
    const { id, collector, attempt, outcome, phases, points, error, stdout, stderr } = record;
    const level = outcome.kind === 'succeeded' ? 'info' : 'warn';
    const output = { stdout, stderr };
    this.#options.log[level](
      { runId: id, collector, attempt, outcome, phases, points, error, output },
      'run',
    );
  }
}

function required<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the worker was not started');
  return value;
}
