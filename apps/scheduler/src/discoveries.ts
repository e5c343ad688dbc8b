import { type CollectorId, type Discovery, discoverySchema, schedulerId, tickId } from '@pythond/jobs';
import type { JobEnd, TickQueue } from '@pythond/queue';
import type { Collectors, Inputs } from '@pythond/registry';
import { adopt } from './adopt.ts';
import type { SchedulerEvent } from './events.ts';
import { correctSchedules } from './schedules.ts';

/** First runs of new collectors over the whole fleet, a second: 10,000 new ones take about a minute and a half. */
const FIRST_RUNS_PER_SECOND = 100;

export interface DiscoveryDeps {
  readonly inputs: Inputs;
  readonly collectors: Collectors;
  readonly ticks: (pool: string) => TickQueue;
  readonly emit: (event: SchedulerEvent) => void;
  readonly now: () => number;
}

/** Takes over what a worker found in an input: registers, schedules, and runs new collectors once at once. */
export async function takeOver(data: unknown, deps: DiscoveryDeps): Promise<JobEnd> {
  const discovery = discoverySchema.parse(data);
  const record = await deps.inputs.latest(discovery.input);
  if (!record || record.number !== discovery.number) return { kind: 'done', value: 'superseded' };
  await deps.inputs.putDiscovery(discovery);
  report(discovery, deps.emit);
  const found = { kind: 'discovered', input: record.key, collectors: discovery.collectors.length } as const;
  if (discovery.error) {
    deps.emit(found);
    return { kind: 'done', value: 'failed' };
  }
  const known = (await deps.collectors.list()).map((view) => view.record);
  const mine = known.filter(({ input }) => input === record.key);
  const { records, gone } = adopt(record, discovery, mine);
  const added = await deps.collectors.register(records);
  await deps.collectors.remove(gone);
  for (const id of gone) deps.emit({ kind: 'collector-gone', id });
  const isNew = new Set(added);
  for (const { id, pool, everyMs, paused } of records) {
    deps.emit({ kind: 'collector-found', id, pool, everyMs, paused, isNew: isNew.has(id) });
  }
  const staying = known.filter(({ id, input }) => input !== record.key || !gone.includes(id));
  const all = [...new Map([...staying, ...records].map((one) => [one.id, one])).values()];
  const queue = deps.ticks(record.pool);
  await correctSchedules(
    queue,
    all.filter(({ pool }) => pool === record.pool),
    deps.now(),
  );
  const unpaused = new Set(records.filter(({ paused }) => !paused).map(({ id }) => id));
  await runFirst(
    added.filter((id) => unpaused.has(id)),
    queue,
    deps.now(),
  );
  deps.emit(found);
  return { kind: 'done', value: `${records.length}` };
}

async function runFirst(added: readonly CollectorId[], queue: TickQueue, nowMs: number): Promise<void> {
  for (const [index, id] of added.entries()) {
    const delayMs = Math.floor((index * 1000) / FIRST_RUNS_PER_SECOND);
    await queue.runOnce(tickId('first', schedulerId(id), nowMs + delayMs), id, delayMs);
  }
}

function report(discovery: Discovery, emit: (event: SchedulerEvent) => void): void {
  const { input, error } = discovery;
  if (error) emit({ kind: 'input-failed', input, message: error.message });
  for (const failure of discovery.failures) emit({ kind: 'module-failed', input, failure });
}
