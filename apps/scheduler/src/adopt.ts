import {
  type CollectorId,
  type CollectorRecord,
  collectorId,
  type Discovery,
  defaultTimeoutMs,
  type FoundCollector,
  type InputRecord,
  type Isolation,
  MAX_INTERVAL_MS,
  MIN_INTERVAL_MS,
  offsetMs,
  type ResidentReason,
} from '@pythond/jobs';
import type { HoldReason } from '@pythond/registry';

/**
 * What becomes of a version: `taken`, its collectors are these from now on, and those in `gone` are no more; or `held`,
 * since it would stop collectors that nobody removed.
 */
export type Adoption =
  | {
      readonly kind: 'taken';
      readonly records: readonly CollectorRecord[];
      readonly gone: readonly CollectorId[];
    }
  | { readonly kind: 'held'; readonly reasons: readonly HoldReason[] };

/**
 * What a discovery makes of an input's collectors. The block's keys win over the class's.
 *
 * A collector that is missing from a module that did import was removed by its author, and goes. One whose module or
 * class can't be imported was not: then the whole version is held back, so that a mistake saved by accident stops
 * nothing and the modules of an input never mix two versions. `forced` takes it over all the same, without what is
 * broken; but not when nothing could be imported at all. `decided` is why the input is resident though nobody asked for
 * it.
 */
export function adopt(
  record: InputRecord,
  discovery: Discovery,
  known: readonly CollectorRecord[],
  forced = false,
  decided: ResidentReason | null = null,
): Adoption {
  const reasons = reasonsToHold(record, discovery, known);
  if (reasons.length > 0 && !(forced && discovery.error === null)) return { kind: 'held', reasons };
  const records = discovery.collectors.map((found) => toCollector(record, found, decided));
  const alive = new Set(records.map(({ id }) => id));
  return { kind: 'taken', records, gone: known.map(({ id }) => id).filter((id) => !alive.has(id)) };
}

function reasonsToHold(
  { key }: InputRecord,
  { error, failures, collectors }: Discovery,
  known: readonly CollectorRecord[],
): HoldReason[] {
  if (error) {
    return known.length === 0 ? [] : [{ module: null, type: error.code, message: error.message }];
  }
  const alive = new Set(collectors.map((one) => collectorId(key, one.dir, one.module, one.class)));
  const missing = known.map(({ id }) => id).filter((id) => !alive.has(id));
  return failures
    .filter((failure) => {
      const id = collectorId(key, failure.dir, failure.module, failure.class ?? '');
      return missing.some((one) => (failure.class === null ? modulePart(one) === id : one === id));
    })
    .map(({ module, type, message }) => ({ module, type, message }));
}

function modulePart(id: CollectorId): CollectorId {
  return id.slice(0, id.lastIndexOf(':') + 1) as CollectorId;
}

function toCollector(
  record: InputRecord,
  found: FoundCollector,
  decided: ResidentReason | null,
): CollectorRecord {
  const isolation = record.isolation === 'auto' ? (found.isolation ?? 'auto') : record.isolation;
  const id = collectorId(record.key, found.dir, found.module, found.class);
  const everyMs = record.intervalMs ?? clampInterval(found.interval * 1000);
  return {
    v: 1,
    id,
    input: record.key,
    inputNumber: record.number,
    key: found.key,
    module: found.module,
    class: found.class,
    name: found.name,
    everyMs,
    timeoutMs:
      record.timeoutMs ?? (found.timeout ? Math.ceil(found.timeout * 1000) : defaultTimeoutMs(everyMs)),
    paused: record.paused,
    offsetMs: offsetMs(id, everyMs, record.align),
    pool: record.pool,
    isolation,
    resident: residentOf(isolation, decided),
  };
}

function residentOf(isolation: Isolation, decided: ResidentReason | null): ResidentReason | null {
  if (isolation === 'resident') return { code: 'asked', message: 'isolation = "resident"' };
  return isolation === 'auto' ? decided : null;
}

function clampInterval(ms: number): number {
  return Math.min(MAX_INTERVAL_MS, Math.max(MIN_INTERVAL_MS, Math.round(ms)));
}
