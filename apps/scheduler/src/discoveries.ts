import {
  type CollectorRecord,
  type Discovery,
  discoverySchema,
  type InputRecord,
  placeOf,
  templateId,
} from '@pythond/jobs';
import type { JobEnd, TickQueue } from '@pythond/queue';
import type {
  Collectors,
  CollectorView,
  HoldReason,
  Inputs,
  Pause,
  Residents,
  Templates,
} from '@pythond/registry';
import { adopt } from './adopt.ts';
import type { SchedulerEvent } from './events.ts';
import { runFirst } from './first-runs.ts';
import { foundEvent } from './found-event.ts';
import { behindHeldPort } from './held-port.ts';
import type { HostPlaces } from './host-roll.ts';
import { byPlace, onHosts } from './hosts.ts';
import { correctResidents } from './residents.ts';
import { correctSchedules } from './schedules.ts';

export interface DiscoveryDeps {
  readonly inputs: Inputs;
  readonly collectors: Collectors;
  readonly residents: Residents;
  readonly templates: Templates;
  /** The hosts that are there, by workers and all that is registered. */
  readonly hosts: (all: readonly CollectorView[]) => Promise<HostPlaces>;
  readonly ticks: (place: string) => TickQueue;
  /** A version that is the newest of its input. */
  readonly sees: (record: InputRecord) => void;
  readonly emit: (event: SchedulerEvent) => void;
  readonly now: () => number;
}

/** What the registry had of an input before. */
interface Before {
  /** Its collectors, each once, however many hosts run it. */
  readonly found: readonly CollectorRecord[];
  /** What runs of it, or would if its host were there. */
  readonly views: readonly CollectorView[];
  /** All that operators have ordered. */
  readonly pauses: readonly Pause[];
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
  deps.sees(record);
  const all = await deps.collectors.list();
  const before = await whatWas(record, all, deps);
  const discovery = await withHeldPort(told, record, before, deps);
  await deps.inputs.putDiscovery(discovery);
  report(discovery, deps.emit);
  const facts = await deps.inputs.facts(record.key, record.number);
  const decided = await deps.inputs.residentReason(record);
  const adoption = adopt(record, discovery, before.found, facts?.forced, decided);
  if (adoption.kind === 'held') {
    await holdBack(record, adoption.reasons, before, deps);
  } else if (discovery.error === null) {
    const places = record.scope === 'host' ? await deps.hosts(all) : null;
    const changes = changesOf(adoption, before, places);
    await replace(record, before, changes, deps);
    await schedule(record, { ...before, all }, changes, deps);
  }
  const value = discovery.error ? 'failed' : adoption.kind;
  const collectors = adoption.kind === 'held' ? before.found.length : discovery.collectors.length;
  deps.emit({ kind: 'discovered', input: record.key, collectors });
  return { kind: 'done', value };
}

async function whatWas(
  { key }: InputRecord,
  all: readonly CollectorView[],
  { collectors, templates }: DiscoveryDeps,
): Promise<Before> {
  const views = all.filter(({ record }) => record.input === key);
  const shared = views.map(({ record }) => record).filter(({ host }) => host === undefined);
  const ofHosts = (await templates.list()).filter(({ input }) => input === key);
  const found = [...new Map([...shared, ...ofHosts].map((one) => [one.id, one])).values()];
  return { found, views, pauses: await collectors.pauses() };
}

/** Only where a worker holds the resident: whoever else has the port will not go away for the new version. */
async function withHeldPort(
  told: Discovery,
  record: InputRecord,
  { found, views }: Before,
  { inputs, residents }: DiscoveryDeps,
): Promise<Discovery> {
  if (record.isolation === 'run') return told;
  const { discovery, carried } = behindHeldPort(told, found);
  const [one] = carried;
  if (!one?.resident) return told;
  const running = views.filter((view) => templateId(view.record) === one.id);
  const plans = running.map(({ record: { host } }) => residents.view(record.key, one.inputNumber, host));
  if (!(await Promise.all(plans)).some((plan) => plan?.worker)) return told;
  if (one.resident.code !== 'asked') await inputs.decideResident(record, one.resident);
  return discovery;
}

type Taken = Extract<ReturnType<typeof adopt>, { kind: 'taken' }>;

/** What becomes of an input's collectors, one by one. */
interface Changes {
  /** One for each host where they are of hosts. */
  readonly records: readonly CollectorRecord[];
  readonly templates: readonly CollectorRecord[];
  /** Those of them that the registry did not have. */
  readonly added: readonly CollectorRecord[];
  /** Those of them whose hosts were away. */
  readonly back: readonly CollectorRecord[];
  readonly gone: readonly CollectorRecord[];
}

/** `places`: the hosts that are to have one each; null: one for the fleet. */
function changesOf(taken: Taken, { views }: Before, places: HostPlaces | null): Changes {
  const templates = places ? taken.records : [];
  const records = places ? onHosts(templates, places) : taken.records;
  const ids = new Set(records.map(({ id }) => id));
  const alive = new Set(templates.map(({ id }) => id));
  const known = new Map(views.map((view) => [view.record.id, view]));
  // a host that is away comes back to what it left, if that is in the new version still
  const waits = (one: CollectorRecord) => one.host !== undefined && alive.has(templateId(one));
  const gone = views.map(({ record }) => record).filter((one) => !ids.has(one.id) && !waits(one));
  const added = records.filter(({ id }) => !known.has(id));
  const back = records.filter(({ id }) => typeof known.get(id)?.awaySinceMs === 'number');
  return { records, templates, added, back, gone };
}

async function holdBack(
  { key, number }: InputRecord,
  reasons: readonly HoldReason[],
  { views, pauses }: Before,
  { inputs, emit, now }: DiscoveryDeps,
): Promise<void> {
  const inForce = await inputs.inForce(key);
  // the version in force can't be held back: what runs goes on, and what failed is told
  if (inForce !== number) {
    await inputs.hold(key, number, reasons, now());
    emit({ kind: 'held-back', input: key, number, inForce, reasons });
  }
  for (const { record, awaySinceMs } of views)
    if (awaySinceMs === null) emit(foundEvent(record, false, pauses));
}

/** From here on a tick of any of them runs the new version, on whatever worker. */
async function replace(
  { key, number }: InputRecord,
  { pauses }: Pick<Before, 'pauses'>,
  { records, templates: ofHosts, added, back, gone }: Changes,
  { inputs, collectors, templates, emit, now }: DiscoveryDeps,
): Promise<void> {
  const before = await inputs.inForce(key);
  await templates.replace(key, ofHosts);
  await collectors.back(back.map(({ id }) => id));
  await collectors.register(records);
  await collectors.remove(gone.map(({ id }) => id));
  await inputs.tookOver(key, number, now());
  if (before !== number) emit({ kind: 'took-over', input: key, number, before });
  for (const { id } of gone) emit({ kind: 'collector-gone', id });
  const isNew = new Set(added.map(({ id }) => id));
  for (const record of records) emit(foundEvent(record, isNew.has(record.id), pauses));
}

async function schedule(
  { key }: InputRecord,
  { all: before, pauses }: Pick<Before, 'pauses'> & { readonly all: readonly CollectorView[] },
  { records, added, gone }: Changes,
  { ticks, residents, now }: DiscoveryDeps,
): Promise<void> {
  const ended = new Set(gone.map(({ id }) => id));
  const staying = before.filter(({ record, awaySinceMs }) => !ended.has(record.id) && awaySinceMs === null);
  const due = [...staying.map(({ record }) => record), ...records];
  const all = [...new Map(due.map((one) => [one.id, one])).values()];
  const mine = before.map(({ record }) => record).filter(({ input }) => input === key);
  const own = byPlace(all);
  // an input that moved to another pool leaves schedules behind in the old one
  for (const place of new Set([...records, ...mine].map(placeOf))) {
    await correctSchedules(ticks(place), own.get(place) ?? [], now());
  }
  await correctResidents(all, residents);
  await runFirst(added, { pauses, ticks, nowMs: now() });
}

function report(discovery: Discovery, emit: (event: SchedulerEvent) => void): void {
  const { input, error } = discovery;
  if (error) emit({ kind: 'input-failed', input, message: error.message });
  for (const failure of discovery.failures) emit({ kind: 'module-failed', input, failure });
}
