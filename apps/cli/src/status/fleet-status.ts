import type { RunRecord } from '@pythond/jobs';
import { DeadLetters, Outbox } from '@pythond/outbox';
import { type QueueDepth, queueDepths, queueNames, type Redis } from '@pythond/queue';
import {
  Collectors,
  type CollectorView,
  Fleet,
  heldProblem,
  Inputs,
  type Pause,
  type PoolLag,
  type Problem,
  sumOfTicks,
  tickCounts,
  unaccountedTicks,
  type WorkerView,
} from '@pythond/registry';
import { isPaused } from '../paused-text.ts';

/** A collector whose last run did not succeed. */
export interface Failing {
  readonly view: CollectorView;
  /** Its newest run, where history has it. */
  readonly run: RunRecord | null;
}

/** An input, or a module of one, that yields no collector. */
export interface Broken {
  readonly input: string;
  readonly module: string | null;
  readonly message: string;
}

/** A fleet at a glance. */
export interface FleetStatus {
  /** Why it is not healthy, in words, the gravest first; empty: it is. */
  readonly reasons: readonly string[];
  readonly workers: readonly WorkerView[];
  /** Pools that collectors are in, and no worker serves. */
  readonly unserved: readonly string[];
  readonly collectors: number;
  /** Of those that are not paused. */
  readonly ticksPerSecond: number;
  readonly unaccounted: number;
  readonly lags: readonly PoolLag[];
  /** The worst first. */
  readonly failing: readonly Failing[];
  readonly broken: readonly Broken[];
  readonly collect: readonly ({ readonly pool: string } & QueueDepth)[];
  readonly deliver: QueueDepth;
  readonly outbox: { readonly deliveries: number; readonly points: number; readonly bytes: number };
  /** Since when the oldest delivery waits, milliseconds; null: none does. */
  readonly waitingSinceMs: number | null;
  readonly letters: number;
  readonly problems: readonly Problem[];
  /** Roll-outs that are held back. */
  readonly held: readonly Problem[];
  readonly pauses: readonly Pause[];
  readonly pausedCollectors: number;
  /** Of hosts that have no worker now. */
  readonly awayCollectors: number;
}

/** Points that wait longer than this are not just on their way. */
const LONG_WAIT_MS = 5 * 60_000;
/** Of so many failing collectors the newest run is read. */
const MOST_FAILING = 50;
const FAILED: ReadonlySet<string> = new Set(['failed', 'timed-out', 'killed', 'lost']);

export async function readStatus(redis: Redis, nowMs: number): Promise<FleetStatus> {
  const collectors = new Collectors(redis);
  const inputs = new Inputs(redis);
  const fleet = new Fleet(redis);
  const outbox = new Outbox(redis);
  try {
    const [views, workers, lags, problems, rollouts, discoveries, pauses, size, waitingSinceMs, letters] =
      await Promise.all([
        collectors.list(),
        fleet.workers(),
        fleet.lags(),
        fleet.problems(),
        inputs.rollouts(),
        inputs.discoveries(),
        collectors.pauses(),
        outbox.size(),
        outbox.oldestMs(),
        new DeadLetters(redis).count(),
      ]);
    const served = new Set(workers.flatMap(({ pools }) => pools));
    const here = views.filter(({ awaySinceMs }) => awaySinceMs === null);
    const wanted = [...new Set(here.map(({ record }) => record.pool))].sort();
    const pools = [...new Set([...wanted, ...served])].sort();
    const [deliver = NO_JOBS, ...depths] = await queueDepths(redis, [
      queueNames.deliver,
      ...pools.map(queueNames.collect),
    ]);
    const going = here.filter((view) => !isPaused(view));
    const found = {
      workers,
      unserved: wanted.filter((pool) => !served.has(pool)),
      collectors: views.length,
      ticksPerSecond: going.reduce((sum, { record }) => sum + 1_000 / record.everyMs, 0),
      unaccounted: unaccountedTicks(sumOfTicks(views.map(({ counts }) => tickCounts(counts)))),
      lags,
      failing: await failingOf(collectors, here),
      broken: discoveries.flatMap(({ input, error, failures }) => [
        ...(error ? [{ input, module: null, message: error.message }] : []),
        ...failures.map(({ module, type, message }) => ({ input, module, message: `${type}: ${message}` })),
      ]),
      collect: pools.map((pool, index) => ({ pool, ...(depths[index] ?? NO_JOBS) })),
      ...{ deliver, outbox: size, waitingSinceMs, letters },
      problems: problems.filter(({ code }) => code !== 'held-back'),
      held: rollouts.flatMap((rollout) => heldProblem(rollout) ?? []),
      ...{ pauses, pausedCollectors: here.length - going.length, awayCollectors: views.length - here.length },
    };
    return { ...found, reasons: reasonsOf(found, nowMs) };
  } finally {
    await outbox.close();
  }
}

const NO_JOBS: QueueDepth = { waiting: 0, active: 0, delayed: 0 };

/** Those that never succeeded come first, then those that fail most often. */
async function failingOf(collectors: Collectors, views: readonly CollectorView[]): Promise<Failing[]> {
  const failing = views
    .filter(({ lastOutcome, running }) => running === null && lastOutcome !== null && FAILED.has(lastOutcome))
    .sort((a, b) => badness(b) - badness(a) || (a.record.id < b.record.id ? -1 : 1));
  return Promise.all(
    failing.map(async (view, index) => {
      const runs = index < MOST_FAILING ? await collectors.runs(view.record.id, 1) : [];
      return { view, run: runs[0] ?? null };
    }),
  );
}

/** The share of its runs that failed; above 1 for one that never succeeded. */
function badness({ counts }: CollectorView): number {
  const good = counts['succeeded'] ?? 0;
  const bad = (counts['failed'] ?? 0) + (counts['timed-out'] ?? 0) + (counts['killed'] ?? 0);
  return good === 0 ? 1 + bad : bad / (bad + good);
}

function reasonsOf(found: Omit<FleetStatus, 'reasons'>, nowMs: number): string[] {
  const { workers, unserved, failing, broken, held, problems, waitingSinceMs, collectors } = found;
  const errors = problems.filter(({ level }) => level === 'error').length;
  const isStuck = waitingSinceMs !== null && nowMs - waitingSinceMs > LONG_WAIT_MS;
  const modules = broken.filter(({ module }) => module !== null).length;
  const wholes = broken.length - modules;
  return [
    ...(workers.length === 0 ? ['no worker runs'] : []),
    ...(workers.length > 0 && unserved.length > 0 ? [`no worker serves ${unserved.join(', ')}`] : []),
    ...(failing.length > 0
      ? [`${failing.length} of ${count(collectors, 'collector')} ${failing.length === 1 ? 'fails' : 'fail'}`]
      : []),
    ...(isStuck ? ['points wait for DataKit'] : []),
    ...(wholes > 0 ? [`${count(wholes, 'input')} can not run`] : []),
    ...(modules > 0 ? [`${count(modules, 'module')} can not be imported`] : []),
    ...(held.length > 0 ? [`${count(held.length, 'roll-out')} held back`] : []),
    ...(errors > 0 ? [count(errors, 'problem')] : []),
  ];
}

export function count(number: number, noun: string): string {
  return `${number.toLocaleString('en-US')} ${noun}${number === 1 ? '' : 's'}`;
}
