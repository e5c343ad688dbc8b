import { type CollectorId, type CollectorRecord, ofHost } from '@pythond/jobs';
import type { CollectorView } from '@pythond/registry';
import { describe, expect, it } from 'vitest';
import type { SchedulerEvent } from './events.ts';
import type { HostPlaces } from './host-roll.ts';
import { correctHosts, hostChanges } from './hosts.ts';

const template = (name: string, more: Partial<CollectorRecord> = {}): CollectorRecord => ({
  ...{
    v: 1,
    id: `h/h/h:${name}` as CollectorId,
    input: 'h',
    inputNumber: 1,
    key: `h/h:${name}`,
    module: 'h',
  },
  ...{ class: name, name, everyMs: 1_000, timeoutMs: 300_000, paused: false, offsetMs: 7, pool: 'default' },
  ...more,
});
const view = (record: CollectorRecord, awaySinceMs: number | null = null): CollectorView => ({
  ...{
    record,
    counts: {},
    lastOutcome: null,
    lastEndedMs: null,
    lastRunMs: null,
    running: null,
    openDueMs: null,
  },
  ...{ awaySinceMs, pauses: [] },
});
const at = (...hosts: string[]): HostPlaces =>
  new Map(hosts.map((host) => [`default@${host}`, { pool: 'default', host }]));
const A = template('A');
const onA = (host: string) => ofHost(A, host);
const ids = (records: readonly CollectorRecord[]) => records.map(({ id }) => id);
const NOW = 1_800_000_000_000;
const DAY = 24 * 3600 * 1000;

describe('the collectors of hosts', () => {
  it('are each template on each host of its pool', () => {
    const places = new Map([...at('x', 'y'), ['slow@z', { pool: 'slow', host: 'z' }]]);
    const { added } = hostChanges([], [A, template('B', { pool: 'slow' })], places, NOW);
    expect(ids(added)).toEqual(['h/h/h:A@x', 'h/h/h:A@y', 'h/h/h:B@z']);
  });

  it('leave with their host, come back with it, and are forgotten after a week', () => {
    const views = [
      view(onA('there')),
      view(onA('left')),
      view(onA('returns'), NOW - DAY),
      view(onA('away'), NOW - 6 * DAY),
      view(onA('old'), NOW - 8 * DAY),
    ];
    const changes = hostChanges(views, [A], at('there', 'returns'), NOW);
    expect(changes).toMatchObject({ added: [], gone: [], forgotten: ['h/h/h:A@old'] });
    expect(ids(changes.leaving)).toEqual(['h/h/h:A@left']);
    expect(ids(changes.back)).toEqual(['h/h/h:A@returns']);
  });

  it('are gone with their template, on hosts that are away too', () => {
    const views = [view(onA('x')), view(onA('away'), NOW), view(template('Fleet'))];
    expect(hostChanges(views, [], at('x'), NOW).gone).toEqual(['h/h/h:A@x', 'h/h/h:A@away']);
  });
});

describe('a host that leaves', () => {
  const correct = async (isAway: boolean) => {
    const calls: string[] = [];
    const events: SchedulerEvent[] = [];
    const done = await correctHosts([view(onA('x')), view(onA('y'))], at('y'), {
      collectors: {
        register: async () => [],
        away: async () => isAway,
        pauses: async () => [],
        ...{ back: async () => undefined, forget: async () => undefined, remove: async () => undefined },
      },
      templates: { list: async () => [A] },
      dropTicks: async (place) => void calls.push(place),
      emit: (event) => void events.push(event),
      now: () => NOW,
    });
    return { ...done, dropped: calls, events };
  };

  it('takes its queue along, and what is to be scheduled no longer has its collectors', async () => {
    const { records, dropped, events, left } = await correct(true);
    expect(ids(records)).toEqual(['h/h/h:A@y']);
    expect(dropped).toEqual(['default@x']);
    expect(left).toEqual([]);
    expect(events).toEqual([{ kind: 'host-away', place: 'default@x', collectors: 1 }]);
  });

  it('keeps its queue, without schedules, until the last of its runs has lost its lease', async () => {
    const { records, dropped, events, left } = await correct(false);
    expect(ids(records)).toEqual(['h/h/h:A@y']);
    expect(dropped).toEqual([]);
    expect(left).toEqual(['default@x']);
    expect(events).toEqual([]);
  });
});
