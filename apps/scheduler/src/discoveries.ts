import {
  type CollectorId,
  type CollectorRecord,
  type Discovery,
  discoverySchema,
  type InputRecord,
  schedulerId,
  tickId,
} from '@pythond/jobs';
import type { JobEnd, TickQueue } from '@pythond/queue';
import {
  type Collectors,
  type HoldReason,
  type Inputs,
  type Pause,
  pausesOf,
  type Residents,
} from '@pythond/registry';
import { adopt } from './adopt.ts';
import type { SchedulerEvent } from './events.ts';
import { behindHeldPort } from './held-port.ts';
import { correctResidents } from './residents.ts';
import { correctSchedules } from './schedules.ts';

/** First runs of new collectors over the whole fleet, a second: 10,000 new ones take about a minute and a half. */
const FIRST_RUNS_PER_SECOND = 100;

export interface DiscoveryDeps {
  readonly inputs: Inputs;
  readonly collectors: Collectors;
  readonly residents: Residents;
  readonly ticks: (pool: string) => TickQueue;
  readonly emit: (event: SchedulerEvent) => void;
  readonly now: () => number;
}

/**
 * Takes over what a worker found in a version of an input: registers its collectors in one step, so that each one's
 * next tick runs the new code, schedules them, and runs new ones once at once. A version that would stop collectors
 * which nobody removed is held back, and the one in force goes on.
 */
export async function takeOver(data: unknown, deps: DiscoveryDeps): Promise<JobEnd> {
  const told = discoverySchema.parse(data);
  const record = await deps.inputs.latest(told.input);
  if (!record || record.number !== told.number) return { kind: 'done', value: 'superseded' };
  const all = (await deps.collectors.list()).map((view) => view.record);
  const mine = all.filter(({ input }) => input === record.key);
  const discovery = await withHeldPort(told, record, mine, deps);
  await deps.inputs.putDiscovery(discovery);
  report(discovery, deps.emit);
  const facts = await deps.inputs.facts(record.key, record.number);
  const decided = await deps.inputs.residentReason(record);
  const adoption = adopt(record, discovery, mine, facts?.forced, decided);
  const pauses = await deps.collectors.pauses();
  if (adoption.kind === 'held') {
    await holdBack(record, adoption.reasons, { mine, pauses }, deps);
  } else if (discovery.error === null) {
    await replace(record, { mine, pauses }, adoption, deps);
    await schedule(record, { all, pauses }, adoption, deps);
  }
  const value = discovery.error ? 'failed' : adoption.kind;
  const collectors = adoption.kind === 'held' ? mine.length : discovery.collectors.length;
  deps.emit({ kind: 'discovered', input: record.key, collectors });
  return { kind: 'done', value };
}

/** Only where a worker holds the resident: whoever else has the port will not go away for the new version. */
async function withHeldPort(
  told: Discovery,
  record: InputRecord,
  mine: readonly CollectorRecord[],
  { inputs, residents }: DiscoveryDeps,
): Promise<Discovery> {
  if (record.isolation === 'run') return told;
  const { discovery, carried } = behindHeldPort(told, mine);
  const [one] = carried;
  if (!one?.resident) return told;
  const resident = await residents.view(record.key, one.inputNumber);
  if (!resident?.worker) return told;
  if (one.resident.code !== 'asked') await inputs.decideResident(record, one.resident);
  return discovery;
}

/** What the registry knows of an input. */
interface Known {
  readonly mine: readonly CollectorRecord[];
  /** All that operators have ordered. */
  readonly pauses: readonly Pause[];
}

type Taken = Extract<ReturnType<typeof adopt>, { kind: 'taken' }>;

async function holdBack(
  { key, number }: InputRecord,
  reasons: readonly HoldReason[],
  { mine, pauses }: Known,
  { inputs, emit, now }: DiscoveryDeps,
): Promise<void> {
  const inForce = await inputs.inForce(key);
  // the version in force can't be held back: what runs goes on, and what failed is told
  if (inForce !== number) {
    await inputs.hold(key, number, reasons, now());
    emit({ kind: 'held-back', input: key, number, inForce, reasons });
  }
  for (const record of mine) emit(foundEvent(record, false, pauses));
}

/** From here on a tick of any of them runs the new version, on whatever worker. */
async function replace(
  { key, number }: InputRecord,
  { mine, pauses }: Known,
  { records, gone }: Taken,
  { inputs, collectors, emit, now }: DiscoveryDeps,
): Promise<void> {
  const before = await inputs.inForce(key);
  await collectors.register(records);
  await collectors.remove(gone);
  await inputs.tookOver(key, number, now());
  if (before !== number) emit({ kind: 'took-over', input: key, number, before });
  const known = new Set(mine.map(({ id }) => id));
  for (const id of gone) emit({ kind: 'collector-gone', id });
  for (const record of records) emit(foundEvent(record, !known.has(record.id), pauses));
}

async function schedule(
  { key }: InputRecord,
  { all: before, pauses }: { readonly all: readonly CollectorRecord[]; readonly pauses: readonly Pause[] },
  { records, gone }: Taken,
  { ticks, residents, now }: DiscoveryDeps,
): Promise<void> {
  const mine = before.filter(({ input }) => input === key);
  const staying = before.filter(({ id }) => !gone.includes(id));
  const all = [...new Map([...staying, ...records].map((one) => [one.id, one])).values()];
  // an input that moved to another pool leaves schedules behind in the old one
  for (const pool of new Set([...records, ...mine].map((one) => one.pool))) {
    const own = all.filter((one) => one.pool === pool);
    await correctSchedules(ticks(pool), own, now());
  }
  await correctResidents(all, residents);
  const known = new Set(mine.map(({ id }) => id));
  const added = records.filter((one) => !isPaused(one, pauses) && !one.resident && !known.has(one.id));
  for (const [pool, ids] of byPool(added)) await runFirst(ids, ticks(pool), now());
}

function byPool(records: readonly CollectorRecord[]): Map<string, CollectorId[]> {
  const pools = new Map<string, CollectorId[]>();
  for (const { pool, id } of records) pools.set(pool, [...(pools.get(pool) ?? []), id]);
  return pools;
}

async function runFirst(added: readonly CollectorId[], queue: TickQueue, nowMs: number): Promise<void> {
  for (const [index, id] of added.entries()) {
    const delayMs = Math.floor((index * 1000) / FIRST_RUNS_PER_SECOND);
    await queue.runOnce(tickId('first', schedulerId(id), nowMs + delayMs), id, delayMs);
  }
}

function isPaused(record: CollectorRecord, pauses: readonly Pause[]): boolean {
  return record.paused || pausesOf(record, pauses).length > 0;
}

function foundEvent(record: CollectorRecord, isNew: boolean, pauses: readonly Pause[]): SchedulerEvent {
  const { id, pool, everyMs, timeoutMs, resident } = record;
  const paused = isPaused(record, pauses);
  const isResident = Boolean(resident);
  return { kind: 'collector-found', id, pool, everyMs, timeoutMs, paused, isNew, isResident };
}

function report(discovery: Discovery, emit: (event: SchedulerEvent) => void): void {
  const { input, error } = discovery;
  if (error) emit({ kind: 'input-failed', input, message: error.message });
  for (const failure of discovery.failures) emit({ kind: 'module-failed', input, failure });
}
