import {
  type CollectorId,
  type CollectorRecord,
  collectorId,
  type Discovery,
  defaultTimeoutMs,
  type FoundCollector,
  type InputRecord,
  MAX_INTERVAL_MS,
  MIN_INTERVAL_MS,
  offsetMs,
} from '@pythond/jobs';

export interface Adoption {
  /** Every collector of the input as it is from now on. */
  readonly records: readonly CollectorRecord[];
  /** Collectors that the input had and has no more. */
  readonly gone: readonly CollectorId[];
}

/**
 * What a discovery makes of an input's collectors. The block's keys win over the class's.
 *
 * A collector whose module failed to import stays as it is, on the version that worked: a mistake saved by accident
 * stops nothing. One that is missing from a module that did import was removed by its author, and goes.
 */
export function adopt(
  record: InputRecord,
  discovery: Discovery,
  known: readonly CollectorRecord[],
): Adoption {
  const records = discovery.collectors.map((found) => toCollector(record, found));
  const alive = new Set(records.map(({ id }) => id));
  const broken = new Set(
    discovery.failures.map(({ dir, module }) => collectorId(record.key, dir, module, '')),
  );
  const gone = known.filter(({ id }) => !alive.has(id) && !broken.has(modulePart(id))).map(({ id }) => id);
  return { records, gone };
}

function modulePart(id: CollectorId): CollectorId {
  return id.slice(0, id.lastIndexOf(':') + 1) as CollectorId;
}

function toCollector(record: InputRecord, found: FoundCollector): CollectorRecord {
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
  };
}

function clampInterval(ms: number): number {
  return Math.min(MAX_INTERVAL_MS, Math.max(MIN_INTERVAL_MS, Math.round(ms)));
}
