import type { CollectorRecord } from './collector.ts';
import type { CollectorId } from './ids.ts';
import { offsetMs } from './tick.ts';

/** What a host may be called: it stands in ids, in names of queues, which hold no colon, and in tags. */
export const HOST_NAME = /^[A-Za-z0-9._-]{1,128}$/;

/** A name for the machine that calls itself so. */
export function toHostName(machine: string): string {
  return machine.replace(/[^A-Za-z0-9._-]/g, '-').slice(0, 128) || 'host';
}

/**
 * Where something runs: `pool`, on any worker of the pool; or `pool@host`, on those of one host. The queue that its ticks
 * go through is named so.
 */
export function placeOf({ pool, host }: Pick<CollectorRecord, 'pool' | 'host'>): string {
  return host === undefined ? pool : `${pool}@${host}`;
}

/**
 * The collector that a template is on one host. Its id is `input/dir/module:Class@host`; it is due at its own offset, but
 * for one that is aligned.
 */
export function ofHost(template: CollectorRecord, host: string): CollectorRecord {
  const id = `${template.id}@${host}` as CollectorId;
  const isAligned = template.offsetMs === offsetMs(template.id, template.everyMs, true);
  return { ...template, id, host, offsetMs: offsetMs(id, template.everyMs, isAligned) };
}

/** The id of the template that a collector of one host comes from; the id of any other is its own. */
export function templateId({ id, host }: Pick<CollectorRecord, 'id' | 'host'>): CollectorId {
  return host === undefined ? id : (id.slice(0, -(host.length + 1)) as CollectorId);
}
