import { type CollectorId, type CollectorRecord, ofHost, placeOf, templateId } from '@pythond/jobs';
import { type Collectors, type CollectorView, STATE_OF_GONE_MS, type Templates } from '@pythond/registry';
import type { SchedulerEvent } from './events.ts';
import { foundEvent } from './found-event.ts';
import type { HostPlaces } from './host-roll.ts';

export interface HostsDeps {
  readonly collectors: Pick<Collectors, 'register' | 'away' | 'back' | 'forget' | 'remove' | 'pauses'>;
  readonly templates: Pick<Templates, 'list'>;
  /** Leaves nothing of the tick queue of a place. */
  readonly dropTicks: (place: string) => Promise<void>;
  readonly emit: (event: SchedulerEvent) => void;
  readonly now: () => number;
}

export interface HostsCorrected {
  /** What is to be scheduled: every collector but those whose host is away. */
  readonly records: readonly CollectorRecord[];
  readonly added: readonly CollectorRecord[];
  /** Places whose queues are still there though nothing of those that left is to be scheduled any more. */
  readonly left: readonly string[];
}

/** What is to become of the collectors of hosts. */
export interface HostChanges {
  readonly added: readonly CollectorRecord[];
  readonly back: readonly CollectorRecord[];
  readonly leaving: readonly CollectorRecord[];
  readonly gone: readonly CollectorId[];
  /** Away for so long that nothing is kept of them. */
  readonly forgotten: readonly CollectorId[];
}

/** Each template as the collectors that it is on the hosts of its pool that are there. */
export function onHosts(templates: readonly CollectorRecord[], places: HostPlaces): CollectorRecord[] {
  return templates.flatMap((template) =>
    [...places.values()]
      .filter(({ pool }) => pool === template.pool)
      .map(({ host }) => ofHost(template, host)),
  );
}

/** Compares the collectors of hosts that the registry has with what templates and hosts ask for. */
export function hostChanges(
  views: readonly CollectorView[],
  templates: readonly CollectorRecord[],
  places: HostPlaces,
  nowMs: number,
): HostChanges {
  const wanted = onHosts(templates, places);
  const ids = new Set(wanted.map(({ id }) => id));
  const known = new Map(views.map((view) => [view.record.id, view]));
  const alive = new Set(templates.map(({ id }) => id));
  const theirs = views.filter(({ record }) => record.host !== undefined);
  const others = theirs.filter(({ record }) => !ids.has(record.id));
  const isGone = ({ record }: CollectorView) => !alive.has(templateId(record));
  const isOld = ({ awaySinceMs }: CollectorView) =>
    awaySinceMs !== null && nowMs - awaySinceMs > STATE_OF_GONE_MS;
  return {
    added: wanted.filter(({ id }) => !known.has(id)),
    back: wanted.filter(({ id }) => typeof known.get(id)?.awaySinceMs === 'number'),
    leaving: others.filter((view) => !isGone(view) && view.awaySinceMs === null).map(({ record }) => record),
    gone: others.filter(isGone).map(({ record }) => record.id),
    forgotten: others.filter((view) => !isGone(view) && isOld(view)).map(({ record }) => record.id),
  };
}

/**
 * Gives every host that is there its collectors of `scope = "host"`, and ends those of hosts that have left: nothing of
 * them is due, nothing is missed, and what waited for them is dropped. Their history and state wait for the host.
 */
export async function correctHosts(
  views: readonly CollectorView[],
  places: HostPlaces,
  deps: HostsDeps,
): Promise<HostsCorrected> {
  const { collectors, templates, dropTicks, emit, now } = deps;
  const changes = hostChanges(views, await templates.list(), places, now());
  const { added, back, leaving, gone, forgotten } = changes;
  const due = views.filter(({ awaySinceMs }) => awaySinceMs === null).map(({ record }) => record);
  const used = new Set(due.map(placeOf));
  for (const [place, records] of byPlace(back)) {
    if (!used.has(place)) await dropTicks(place); // should it have been left half done
    emit({ kind: 'host-back', place, collectors: records.length });
  }
  await collectors.back(back.map(({ id }) => id));
  await collectors.register([...added, ...back]);
  const pauses = added.length > 0 ? await collectors.pauses() : [];
  for (const record of added) emit(foundEvent(record, true, pauses));
  const left: string[] = [];
  for (const [place, records] of byPlace(leaving)) {
    const ended = await Promise.all(records.map(({ id }) => collectors.away(id, now())));
    // of a host that is there the input went to another pool; where a run goes on still, the next pass ends it
    if (ended.includes(false) || places.has(place)) {
      left.push(place);
      continue;
    }
    await dropTicks(place);
    emit({ kind: 'host-away', place, collectors: records.length });
  }
  await collectors.remove(gone);
  for (const id of gone) emit({ kind: 'collector-gone', id });
  await collectors.forget(forgotten);
  const ending = new Set([...leaving.map(({ id }) => id), ...gone]);
  const staying = due.filter(({ id }) => !ending.has(id));
  return { records: [...staying, ...added, ...back], added, left };
}

/** Records by where they run. */
export function byPlace(records: readonly CollectorRecord[]): Map<string, CollectorRecord[]> {
  const places = new Map<string, CollectorRecord[]>();
  for (const record of records) {
    const place = placeOf(record);
    const known = places.get(place);
    if (known) known.push(record);
    else places.set(place, [record]);
  }
  return places;
}
