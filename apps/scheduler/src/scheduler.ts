import path from 'node:path';
import type { Settings, SettingsReading } from '@pythond/config';
import type { DiscoverJob, SealingKey } from '@pythond/jobs';
import { type Component, Recurring, runAll } from '@pythond/lifecycle';
import {
  connect,
  ErrorReports,
  type JobEnd,
  JobQueue,
  JobWorker,
  type MayAct,
  queueNames,
  type Redis,
  type RedisTarget,
  TickQueue,
} from '@pythond/queue';
import {
  BundleArchive,
  Collectors,
  type CollectorView,
  Fleet,
  FleetClock,
  HEARTBEAT_MS,
  heldBackProblem,
  heldProblem,
  Inputs,
  Residents,
  Sealer,
  Templates,
} from '@pythond/registry';
import type { Logger } from '@pythond/telemetry';
import { BundleWatch } from './bundle-watch.ts';
import { takeOver } from './discoveries.ts';
import type { SchedulerEvent } from './events.ts';
import { runFirst } from './first-runs.ts';
import { GitSource } from './git-source.ts';
import { HomeReader } from './home-reader.ts';
import { HomeScan } from './home-scan.ts';
import { HomeWatch } from './home-watch.ts';
import { type HostPlaces, HostRoll } from './host-roll.ts';
import { byPlace, correctHosts } from './hosts.ts';
import { LiveSettings } from './live-settings.ts';
import { PoolWatch } from './pool-watch.ts';
import { ProblemBoard } from './problem-board.ts';
import { correctResidents } from './residents.ts';
import { discoverAgain } from './rollout.ts';
import { type Corrections, correctSchedules } from './schedules.ts';
import { isUnsigned, SealWatch } from './seal-watch.ts';
import { Serial } from './serial.ts';
import { WantedCmds } from './wanted-cmds.ts';

export interface SchedulerOptions {
  readonly home: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly settings: Settings;
  /** What the environment and `pythond.toml` say now. */
  readonly readSettings: () => Promise<SettingsReading>;
  readonly redis: RedisTarget;
  /** Told to workers that know of no DataKit themselves; null: the one of `datakit.conf`, if there is one. */
  readonly datakit: string | null;
  /** What it signs records with; null: it signs none. */
  readonly signingKey: SealingKey | null;
  readonly log: Logger;
  readonly onEvent?: (event: SchedulerEvent) => void;
  /** Whether this process still leads: when it does not, nothing more is sent to Redis. */
  readonly mayAct: MayAct;
  /** The highest number that each input is known to have had; kept for a Redis that loses them. */
  readonly numbers: Map<string, number>;
}

/** How often wanted and stored schedules are compared: what is gone is back within two of these. */
const WATCH_MS = 15_000;
/** How often it is looked for hosts that came or went. */
const LOOK_AT_HOSTS_MS = 2_000;
/** What was changed in Redis, or waits to be signed, is put right within this. */
const SEALS_MS = 5_000;
const LOOK_AT_REDIS_MS = 60_000;
const COLLECT_GARBAGE_MS = 3600_000;
/** How often a version that is held back is imported again: what it lacks may have been installed since. */
const HELD_AGAIN_MS = 5 * 60_000;

/**
 * Reads the home, puts inputs and bundles into Redis, has them discovered, and keeps one Job Scheduler a collector; again
 * whenever something changes.
 *
 * States: starting (reading and rolling out) → watching (reading again what changed, taking over discoveries, correcting
 * schedules) → stopped. What changes Redis is done one at a time. Everything it knows is in Redis; one at a time is at
 * work over the whole fleet (see `Candidate`), and the next one does the same work again and changes nothing by it.
 */
export class Scheduler implements Component {
  readonly name = 'scheduler';
  readonly #options: SchedulerOptions;
  readonly #redis: Redis;
  readonly #blocking: Redis;
  readonly #inputs: Inputs;
  readonly #collectors: Collectors;
  readonly #residents: Residents;
  readonly #templates: Templates;
  readonly #hosts = new HostRoll();
  /** The hosts that were there when schedules were corrected last. */
  #placesThen = '';
  readonly #bundles: BundleArchive;
  readonly #fleet: Fleet;
  readonly #tickQueues = new Map<string, TickQueue>();
  readonly #discoverQueues = new Map<string, JobQueue<DiscoverJob>>();
  readonly #recurring: readonly Recurring[];
  readonly #serial = new Serial();
  readonly #git: GitSource;
  readonly #reader: HomeReader;
  readonly #scan: HomeScan;
  readonly #watch: HomeWatch;
  readonly #board: ProblemBoard;
  readonly #pools: PoolWatch;
  readonly #bundleWatch: BundleWatch;
  readonly #clock: FleetClock;
  readonly #seals: SealWatch | null;
  #published: string | null = null;
  readonly #cmds = new WantedCmds();
  /** Folders and files outside of the home that inputs name. */
  #others: readonly string[] = [];
  #wantsScan = false;
  #again: NodeJS.Timeout | undefined;
  #discovered: JobWorker | undefined;
  #stopped = false;

  constructor(options: SchedulerOptions) {
    const { home, env, settings, log } = options;
    this.#options = options;
    const reports = new ErrorReports((error, before) =>
      log.warn({ err: error, before }, 'will be tried again'),
    );
    const report = (error: unknown) => reports.add(error);
    this.#redis = connect(options.redis, 'failing', report, options.mayAct);
    this.#blocking = connect(options.redis, 'waiting', report, options.mayAct);
    const sealer = options.signingKey && new Sealer({ key: options.signingKey });
    this.#inputs = new Inputs(this.#redis, sealer);
    this.#collectors = new Collectors(this.#redis);
    this.#residents = new Residents(this.#redis);
    this.#templates = new Templates(this.#redis);
    this.#bundles = new BundleArchive(this.#redis);
    this.#fleet = new Fleet(this.#redis, sealer);
    const emit = (event: SchedulerEvent) => this.#emit(event);
    this.#board = new ProblemBoard(this.#fleet, emit);
    this.#pools = new PoolWatch(this.#inputs, this.#fleet);
    this.#bundleWatch = new BundleWatch({
      ...{ fleet: this.#fleet, inputs: this.#inputs, bundles: this.#bundles },
    });
    this.#git = new GitSource({ home, env, onChange: () => this.#scanSoon() });
    this.#reader = new HomeReader({
      ...{ home, env, secretsDirs: settings.secretsDirs, git: this.#git },
      settings: new LiveSettings(settings, options.readSettings),
    });
    this.#scan = new HomeScan({
      ...{ home, inputs: this.#inputs, collectors: this.#collectors, bundles: this.#bundles, emit },
      numbers: options.numbers,
      templates: this.#templates,
      discover: (pool) => this.#discover(pool),
      log: (facts, message) => log.info(facts, message),
    });
    this.#watch = new HomeWatch({
      ...{ home, mode: settings.watch, pollIntervalMs: settings.pollIntervalMs },
      onChange: () => this.#scanSoon(),
      onTrouble: (message) => log.warn({ message }, 'edits are noticed by looking only'),
    });
    this.#seals = sealer && this.#makeSealWatch(sealer);
    this.#clock = new FleetClock({
      ...{ redis: this.#redis, onError: report },
      onOff: (aheadMs) => this.#board.ofClock(aheadMs),
      onRight: () => this.#board.ofClock(null),
    });
    this.#recurring = [
      new Recurring(() => this.#serial.run(() => this.#correct()), WATCH_MS, report),
      new Recurring(() => this.#serial.run(() => this.#lookAtPools()), HEARTBEAT_MS, report),
      new Recurring(() => this.#serial.run(() => this.#lookAtBundles()), HEARTBEAT_MS, report),
      new Recurring(() => this.#lookAtHosts(), LOOK_AT_HOSTS_MS, report),
      new Recurring(() => this.#lookAtRedis(), LOOK_AT_REDIS_MS, report),
      new Recurring(() => this.#collectGarbage(), COLLECT_GARBAGE_MS, report),
      new Recurring(() => this.#serial.run(() => this.#discoverHeld()), HELD_AGAIN_MS, report),
      new Recurring(() => this.#serial.run(async () => this.#seals?.look()), SEALS_MS, report),
    ];
  }

  async start(): Promise<void> {
    await this.#clock.start();
    for (const rollout of await this.#inputs.rollouts()) {
      const problem = heldProblem(rollout);
      if (problem) this.#board.hold(rollout.input, problem);
    }
    this.#discovered = new JobWorker({
      queue: queueNames.discovered,
      connection: this.#blocking,
      concurrency: 1, // two discoveries of one input must not overtake each other
      process: (data) => this.#serial.run(() => this.#takeOver(data)),
      onError: (error) => this.#options.log.warn({ err: error }, 'discovered queue'),
      keep: 100,
    });
    await this.#lookAtRedis().catch((error) =>
      this.#options.log.warn({ err: error }, 'Redis says nothing of itself'),
    );
    await this.#serial.run(async () => {
      const rolledOut = await this.#readHome();
      this.#emit({ kind: 'home-read', inputs: rolledOut });
      await this.#correct();
    });
    for (const recurring of this.#recurring) recurring.start();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#again);
    await runAll([
      () => this.#clock.stop(),
      () => this.#watch.stop(),
      () => this.#git.stop(),
      ...this.#recurring.map((recurring) => () => recurring.stop()),
      () => this.#discovered?.stop(5_000),
      () => this.#serial.idle(),
      ...[...this.#tickQueues.values()].map((queue) => () => queue.close()),
      ...[...this.#discoverQueues.values()].map((queue) => () => queue.close()),
      () => this.#redis.disconnect(),
      () => this.#blocking.disconnect(),
    ]);
  }

  /** Redis has lost what it held. */
  lookSoon(): void {
    void this.#serial
      .run(() => this.#correct())
      .catch((error) => this.#options.log.warn({ err: error }, 'will be tried again'));
  }

  /** Any number of wishes while one is waiting are one. */
  #scanSoon(): void {
    if (this.#wantsScan || this.#stopped) return;
    this.#wantsScan = true;
    void this.#serial.run(async () => {
      this.#wantsScan = false;
      if (this.#stopped) return;
      try {
        await this.#readHome();
      } catch (error) {
        this.#options.log.warn({ err: error }, 'the home was not read to the end; it will be read again');
        this.#watch.rest();
      }
    });
  }

  /** Everything on disk that changed, into Redis. Gives the inputs that are discovered next. */
  async #readHome(): Promise<readonly string[]> {
    clearTimeout(this.#again);
    await this.#watch.cover(this.#others);
    const reading = await this.#reader.read(await this.#inputs.known());
    const datakit = this.#options.datakit ?? reading.datakitUrl;
    if (datakit && datakit !== this.#published) {
      await this.#fleet.publishDatakit(datakit);
      this.#published = datakit;
    }
    this.#cmds.ofFiles(reading.inputs, reading.unread);
    await this.#publishCmds();
    const { problems, rolledOut, gone, folders, againInMs } = await this.#scan.run(reading);
    for (const input of gone) this.#board.release(input);
    this.#board.ofHome(problems);
    await this.#board.publish();
    if (gone.length > 0) await this.#correct();
    this.#watchOthers(folders, reading.overlays);
    if (againInMs !== null && !this.#stopped) this.#again = setTimeout(() => this.#scanSoon(), againInMs);
    this.#watch.rest();
    return rolledOut;
  }

  /** What lies outside of the home was read before it was watched: it is read once more. */
  #watchOthers(folders: readonly string[], overlays: readonly string[]): void {
    const own = ['conf.d', 'python.d'].map((name) => path.join(this.#options.home, name));
    const known = [...own, ...overlays]; // what a git repo held at a commit never changes
    const others = folders.filter((folder) => !known.some((one) => isWithin(folder, one)));
    const isNew = others.some((folder) => !this.#others.includes(folder));
    this.#others = others;
    if (isNew) this.#scanSoon();
  }

  async #takeOver(data: unknown): Promise<JobEnd> {
    if (this.#seals && isUnsigned(data)) {
      await this.#seals.look(); // which has it imported again, once it is signed
      return { kind: 'done', value: 'not-signed' };
    }
    const end = await takeOver(data, {
      inputs: this.#inputs,
      collectors: this.#collectors,
      residents: this.#residents,
      templates: this.#templates,
      hosts: (all) => this.#places(all),
      ticks: (place) => this.#ticks(place),
      sees: (record) => this.#cmds.ofVersion(record),
      emit: (event) => this.#emit(event),
      now: () => this.#clock.nowMs,
    });
    await this.#publishCmds();
    await this.#board.publish();
    return end;
  }

  async #correct(): Promise<void> {
    if (this.#scan.forgetIfLost(await this.#inputs.names())) {
      this.#board.forget();
      this.#published = null;
      this.#cmds.forget();
      this.#scanSoon();
    }
    const views = await this.#collectors.list();
    this.#pools.knows(views.map(({ record }) => record));
    const places = await this.#places(views);
    const { records, added, left } = await correctHosts(views, places, {
      ...{ collectors: this.#collectors, templates: this.#templates, now: () => this.#clock.nowMs },
      dropTicks: (place) => this.#dropTicks(place),
      emit: (event) => this.#emit(event),
    });
    const own = byPlace(records);
    for (const place of new Set([...this.#tickQueues.keys(), ...own.keys(), ...left, ...places.keys()])) {
      const done = await correctSchedules(this.#ticks(place), own.get(place) ?? [], this.#clock.nowMs);
      this.#logCorrections(place, done);
    }
    if (added.length > 0) {
      const pauses = await this.#collectors.pauses();
      await runFirst(added, { pauses, ticks: (place) => this.#ticks(place), nowMs: this.#clock.nowMs });
    }
    for (const place of [...this.#tickQueues.keys()].filter(isOfHost)) {
      if (!places.has(place) && !own.has(place) && !left.includes(place)) await this.#dropTicks(place);
    }
    this.#placesThen = namesOf(places);
    await this.#board.publish();
    const changed = await correctResidents(records, this.#residents);
    if (changed > 0) this.#options.log.info({ changed }, 'residents corrected');
  }

  async #lookAtPools(): Promise<void> {
    this.#board.ofPools(await this.#pools.look());
    await this.#board.publish();
  }

  async #lookAtBundles(): Promise<void> {
    const amiss = await this.#bundleWatch.look();
    if (amiss.length === 0) return;
    this.#options.log.warn({ inputs: amiss }, 'bundles were lost or damaged in Redis: they are packed again');
    this.#scan.forget(amiss);
    this.#scanSoon();
  }

  /** A host that came or left is not waited for until schedules are corrected anyway. */
  async #lookAtHosts(): Promise<void> {
    const places = this.#hosts.look(await this.#fleet.workers(), performance.now());
    if (namesOf(places) !== this.#placesThen) await this.#serial.run(() => this.#correct());
  }

  async #places(views: readonly CollectorView[]): Promise<HostPlaces> {
    const known = views.flatMap(({ record: { pool, host }, awaySinceMs }) =>
      host !== undefined && awaySinceMs === null ? [{ pool, host }] : [],
    );
    return this.#hosts.look(await this.#fleet.workers(), performance.now(), known);
  }

  async #dropTicks(place: string): Promise<void> {
    const queue = this.#ticks(place);
    await queue.drop();
    await queue.close();
    this.#tickQueues.delete(place);
  }

  /** Told with what else is published. */
  async #lookAtRedis(): Promise<void> {
    this.#board.ofRedis(await this.#fleet.redisProblems());
  }

  #logCorrections(place: string, { upserted, removed }: Corrections): void {
    const faults = Object.keys(upserted);
    if (faults.length + removed === 0) return;
    const isStrange = faults.some((fault) => fault === 'broken' || fault === 'far-ahead');
    this.#options.log[isStrange ? 'warn' : 'info']({ place, upserted, removed }, 'schedules corrected');
  }

  async #discoverHeld(): Promise<void> {
    for (const input of this.#board.held) {
      const record = await this.#inputs.latest(input);
      if (record) await discoverAgain(record, (pool) => this.#discover(pool), Date.now());
    }
  }

  /** Bundles that no version of an input needs that is kept. */
  async #collectGarbage(): Promise<void> {
    const rollouts = await this.#inputs.rollouts();
    const wanted = new Set(rollouts.flatMap(({ versions }) => versions.map(({ bundle }) => bundle)));
    const old = await this.#bundles.collect(wanted, Date.now());
    if (old.length > 0) this.#options.log.info({ bundles: old.length }, 'old bundles removed');
  }

  /** For workers to try before they are asked to run them. */
  async #publishCmds(): Promise<void> {
    const cmds = this.#cmds.news();
    if (cmds) await this.#fleet.publishCmds(cmds);
  }

  #makeSealWatch(sealer: Sealer): SealWatch {
    return new SealWatch({
      ...{ sealer, inputs: this.#inputs, fleet: this.#fleet },
      discover: (pool) => this.#discover(pool),
      onLost: (inputs) => {
        this.#scan.forget(inputs);
        this.#scanSoon();
      },
      warn: (facts, message) => this.#options.log.warn(facts, message),
    });
  }

  #ticks(place: string): TickQueue {
    return getOrMake(this.#tickQueues, place, () => new TickQueue(place, this.#redis));
  }

  #discover(pool: string): JobQueue<DiscoverJob> {
    return getOrMake(
      this.#discoverQueues,
      pool,
      () => new JobQueue<DiscoverJob>(queueNames.discover(pool), this.#redis),
    );
  }

  #emit(event: SchedulerEvent): void {
    if (event.kind === 'held-back') this.#board.hold(event.input, heldBackProblem(event));
    if (event.kind === 'took-over') this.#board.release(event.input);
    if (event.kind === 'took-over' || event.kind === 'held-back') this.#scan.knows(event.input, event.number);
    this.#options.log.info(event);
    this.#options.onEvent?.(event);
  }
}

function isOfHost(place: string): boolean {
  return place.includes('@');
}

function namesOf(places: HostPlaces): string {
  return [...places.keys()].sort().join(' ');
}

function isWithin(folder: string, root: string): boolean {
  return folder === root || folder.startsWith(`${root}${path.sep}`);
}

function getOrMake<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}
