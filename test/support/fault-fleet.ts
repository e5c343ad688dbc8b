import { randomBytes } from 'node:crypto';
import { cp, readFile } from 'node:fs/promises';
import path from 'node:path';
import { type CollectorId, type DeadLetter, type RunRecord, schedulerId, tickId } from '@pythond/jobs';
import { Ledger, sumOf } from '@pythond/ledger';
import { DeadLetters, Outbox } from '@pythond/outbox';
import { type TickCounts, tickCounts, unaccountedTicks } from '@pythond/registry';
import { expect } from 'vitest';
import { type RunningCli, repository } from './cli.ts';
import { expectConserved, type LedgerSums, marksIn } from './conservation.ts';
import { eventually } from './eventually.ts';
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts';
import { type Fault, type FaultyDatakit, startFaultyDatakit, type Write } from './faulty-datakit.ts';
import { type AppName, type FleetOptions, makeFleet, type TestFleet } from './fleet.ts';
import { block } from './home.ts';

/** What the collector is to report in its next run. */
export interface Orders {
  /** Points of each category, by the framework's own short names. */
  readonly points: Readonly<Record<string, number>>;
  /** Points carry this as tag `kind`. */
  readonly kind?: string;
  /** Their age; without it they bring no time of their own. */
  readonly ageSeconds?: number;
  /** So many reports, each of an input of its own, and so each a delivery of its own. */
  readonly reports?: number;
  /** The run goes on, and reports the same again and again, for as long as `TestFleet.tally` holds runs. */
  readonly held?: boolean;
}

/** A sign of life that a held run wrote down. */
export interface Beat {
  readonly pid: number;
  /** Nanoseconds, of the machine's clock. */
  readonly at: bigint;
}

/** Whose the fleet's own events are: DataKit is told of dead letters every now and then. */
const FLEET = 'pythond';
const isOfFleet = ({ lines }: Write) => lines.every((line) => line.startsWith(`${FLEET},`));

export const COLLECTOR = 'emit/emit/emit:Emits' as CollectorId;
export const TICKS = 'tick/tick/tick:Ticks' as CollectorId;
/** What {@link TICKS} reports in a run, by `startTicking`. */
export const TICK_POINTS = { M: 3, L: 2 };

/** Nothing in these tests takes that long: a back-off may be a minute. */
const DRAIN_MS = 300_000;

/** A fleet whose collectors report what they are told, and write it down before, to a DataKit behind a way that can go wrong. */
export class FaultFleet {
  readonly fleet: TestFleet;
  readonly way: FaultProxy;
  readonly datakit: FaultyDatakit;
  readonly worker: RunningCli;
  readonly normalizer: RunningCli;
  readonly scheduler: RunningCli;

  constructor(parts: {
    readonly fleet: TestFleet;
    readonly way: FaultProxy;
    readonly datakit: FaultyDatakit;
    readonly worker: RunningCli;
    readonly normalizer: RunningCli;
    readonly scheduler: RunningCli;
  }) {
    this.fleet = parts.fleet;
    this.way = parts.way;
    this.datakit = parts.datakit;
    this.worker = parts.worker;
    this.normalizer = parts.normalizer;
    this.scheduler = parts.scheduler;
  }

  /** What is to go wrong with collectors' points and with probes; not with the fleet's own events. */
  goWrong(fault: Fault | null): void {
    this.datakit.goWrong(fault && ((write) => (isOfFleet(write) ? null : fault(write))));
  }

  /** Writes so far, without the fleet's own events. */
  writes(): Write[] {
    return this.datakit.writes.filter((write) => !isOfFleet(write));
  }

  /** One run, to its end. */
  async emit(orders: Orders): Promise<RunRecord> {
    await this.fleet.home.write({ 'orders.json': JSON.stringify(orders) });
    const id = tickId('manual', schedulerId(COLLECTOR), Date.now(), randomBytes(4).toString('hex'));
    await this.fleet.ticks.runOnce(id, COLLECTOR);
    const ended = async () => (await this.fleet.collectors.runs(COLLECTOR, 20)).find((run) => run.id === id);
    return eventually('the run to end', ended, DRAIN_MS);
  }

  /** The marks of all points that were ever reported, and their times in ns where they brought one. */
  async emitted(): Promise<Map<string, string | null>> {
    const lines = (await readFile(path.join(this.fleet.home.dir, 'account.txt'), 'utf8').catch(() => ''))
      .split('\n')
      .slice(0, -1);
    return new Map(
      lines.map((line) => {
        const [mark = '', time = '0'] = line.split(' ');
        return [mark, time === '0' ? null : time];
      }),
    );
  }

  /** All signs of life of all held runs, in the order in which they were written. */
  async beats(): Promise<Beat[]> {
    const text = await readFile(path.join(this.fleet.home.dir, 'beats.txt'), 'utf8').catch(() => '');
    const lines = text.split('\n').slice(0, -1);
    return lines.map((line) => {
      const [pid = '', at = ''] = line.split(' ');
      return { pid: Number(pid), at: BigInt(at) };
    });
  }

  /** A run that is held, from its first sign of life on; `record` is there at its end. */
  async emitHeld(orders: Orders): Promise<{ readonly pid: number; readonly record: Promise<RunRecord> }> {
    await this.fleet.tally.holdRuns();
    const before = (await this.beats()).length;
    const record = this.emit({ ...orders, held: true });
    record.catch(() => undefined); // whoever awaits it is told
    const [first] = await eventually(
      'a run to be held',
      async () => {
        const newer = (await this.beats()).slice(before);
        return newer.length > 0 ? newer : null;
      },
      DRAIN_MS,
    );
    return { pid: first?.pid ?? 0, record };
  }

  /** The processes of held runs from this one on, each once. */
  async pidsAfter(first: number): Promise<number[]> {
    const pids = (await this.beats()).map(({ pid }) => pid);
    return [...new Set(pids.slice(pids.indexOf(first)))];
  }

  /** No held run of these gave its first sign of life before the last one of the run before it. */
  async expectOneAtATime(pids: readonly number[]): Promise<void> {
    const beats = (await this.beats()).filter(({ pid }) => pids.includes(pid));
    const turns = beats.map(({ pid }) => pid).filter((pid, at, all) => pid !== all[at - 1]);
    expect(turns).toEqual([...new Set(turns)]);
  }

  /** From now on the collector of one second reports. */
  async startTicking(): Promise<void> {
    await this.fleet.home.write({ 'ticks.json': JSON.stringify({ points: TICK_POINTS }) });
    await this.delivered(2);
  }

  /** So many more runs of it that ended well, their points accepted. */
  async delivered(count: number): Promise<RunRecord[]> {
    const sinceMs = Date.now();
    const wanted = TICK_POINTS.M + TICK_POINTS.L;
    const isDone = ({ dueMs, outcome, points }: RunRecord) =>
      dueMs > sinceMs && outcome.kind === 'succeeded' && points.delivered === wanted;
    const done = async () => {
      const runs = (await this.fleet.runs(TICKS)).filter(isDone);
      return runs.length >= count ? runs : null;
    };
    return eventually(`${count} runs whose points are accepted`, done, DRAIN_MS);
  }

  /** Until nothing is reported any more, but by held runs. */
  async stopTicking(): Promise<void> {
    await this.fleet.home.write({ 'ticks.json': 'null' });
    const sinceMs = Date.now();
    const isEmpty = ({ dueMs, points }: RunRecord) => dueMs > sinceMs && points.reported === 0;
    const rests = async () => (await this.fleet.runs(TICKS)).some(isEmpty);
    await eventually('a run that reports nothing', rests, DRAIN_MS);
  }

  /** The counts of the collector of one second, whose every due tick has to be in them. */
  async ticksAddUp(): Promise<TickCounts> {
    const counts = tickCounts(await this.fleet.counts(TICKS));
    expect(unaccountedTicks(counts), JSON.stringify(counts)).toBe(0);
    return counts;
  }

  /** Of the collectors' points. */
  async letters(): Promise<DeadLetter[]> {
    const dead = new DeadLetters(this.fleet.redis);
    const found: DeadLetter[] = [];
    for await (const { id } of dead.heads()) {
      const letter = await dead.get(id);
      if (letter) found.push(letter);
    }
    await dead.close();
    return found.filter(({ origins }) => origins.some(({ collector }) => collector !== FLEET));
  }

  /** Points in the outbox. */
  async waiting(): Promise<number> {
    const outbox = new Outbox(this.fleet.redis);
    const { points } = await outbox.size();
    await outbox.close();
    return points;
  }

  /** Until the worker has seen, for either category, that the DataKit is well again: its circuits are closed. */
  async healthy(): Promise<void> {
    const isDelivered = async () => (await this.emit({ points: { M: 1, L: 1 } })).points.delivered === 2;
    await eventually('a run whose points are accepted at once', isDelivered, DRAIN_MS);
    await this.drained();
  }

  /** Until nothing waits any more. */
  async drained(): Promise<void> {
    await eventually('nothing to wait any more', async () => (await this.waiting()) === 0, DRAIN_MS);
  }

  /** Waits until nothing waits any more, and checks that no point of any test so far is lost, and each is as it was. */
  async conserved(): Promise<LedgerSums> {
    await this.drained();
    const emitted = await this.emitted();
    const { accepted } = this.datakit;
    for (const { point } of accepted.all()) {
      const time = emitted.get(point.tags['mark'] ?? '');
      if (time && time !== point.time) throw new Error(`${point.line} was reported with the time ${time}`);
    }
    return expectConserved({
      emitted: [...emitted.keys()],
      accepted: [accepted],
      dead: (await this.letters()).flatMap(({ body }) => [...new Set(marksIn(body))]),
      ledger: await this.#ledger(),
    });
  }

  async #ledger(): Promise<LedgerSums> {
    const entries = await new Ledger(this.fleet.redis).entries();
    const sum = sumOf(entries.filter(({ collector }) => collector !== FLEET));
    return {
      emitted: sum.emitted,
      accepted: sum.accepted,
      dead: sum.dead + sum.late,
      waiting: sum.queued,
      dropped: sum.dropped + sum.purged + sum.lost,
    };
  }
}

type Surroundings = Readonly<Record<string, string>>;

export interface FaultFleetOptions {
  /** Of the worker, the normalizer and the scheduler; or how it follows from the home's folder. */
  readonly env?: Surroundings | ((home: string) => Surroundings);
  /** The DataKit's clock, in milliseconds. */
  readonly now?: () => number;
  /** Whether there is a collector of one second, too. */
  readonly ticks?: boolean;
  /** Settings of the Redis that it takes on its command line only. */
  readonly redisArguments?: readonly string[];
  /** The way that apps take to the Redis on this socket, as a URL; without it, the socket. */
  readonly redisWay?: (socketPath: string) => Promise<string>;
  readonly redis?: FleetOptions['redis'];
  /** Of one app alone. */
  readonly envOf?: (app: AppName) => Readonly<Record<string, string>>;
}

/** Started, with a scheduler, a worker and a normalizer; all of it ends with `atEnd`. */
export async function makeFaultFleet(
  atEnd: (stop: () => Promise<void>) => void,
  {
    env = {},
    now = Date.now,
    ticks = false,
    redisWay,
    redis,
    redisArguments = [],
    envOf = () => ({}),
  }: FaultFleetOptions = {},
): Promise<FaultFleet> {
  const datakit = await startFaultyDatakit(null, { maxPoints: 1, now });
  atEnd(() => datakit.close());
  const way = await startFaultProxy({ port: datakit.port });
  atEnd(() => way.close());
  const fleet = await makeFleet({
    ...{ datakit: way.url, atEnd, redisArguments, ...(redis ? { redis } : {}) },
  });
  await cp(path.join(repository, 'test/fixtures/faults-home'), fleet.home.dir, { recursive: true });
  // Without a sandbox, so that they can write their account, outside of all that is tested.
  const open = `  sandbox = "none"\n  envs = ["FAULTS_HOME=${fleet.home.dir}"]`;
  await fleet.home.write({
    'conf.d/emit.conf': block('emit', ['account', 'emit'], `${open}\n  paused = true`),
    ...(ticks ? { 'conf.d/tick.conf': block('tick', ['account', 'tick'], open) } : {}),
  });
  const redisUrl = await redisWay?.(fleet.redisPath);
  const given = typeof env === 'function' ? env(fleet.home.dir) : env;
  const surroundings = { ...given, ...(redisUrl ? { REDIS_URL: redisUrl } : {}) };
  const worker = await fleet.startWorker({ ...surroundings, ...envOf('worker') });
  const normalizer = fleet.start('normalizer', { ...surroundings, ...envOf('normalizer') });
  const scheduler = fleet.start('scheduler', { ...surroundings, ...envOf('scheduler') });
  for (const id of ticks ? [COLLECTOR, TICKS] : [COLLECTOR]) {
    await eventually(`the collector ${id}`, () => fleet.view(id), DRAIN_MS);
  }
  return new FaultFleet({ fleet, way, datakit, worker, normalizer, scheduler });
}
