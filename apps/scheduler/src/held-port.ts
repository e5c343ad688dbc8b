import {
  type CollectorRecord,
  collectorId,
  type Discovery,
  type FoundCollector,
  type ModuleFailure,
} from '@pythond/jobs';

/** A discovery with what it could not see, since the resident that runs held a port. */
export interface BehindPort {
  readonly discovery: Discovery;
  /** The residents whose facts are those of the version in force. */
  readonly carried: readonly CollectorRecord[];
}

/** EADDRINUSE on Linux and on macOS, as Python tells it. */
const PORT_IS_TAKEN = /^\[Errno (98|48)\]/;

/**
 * An import or constructor that listens fails in a discovery for as long as the resident of the version in force has its
 * port, so that no edit of it would ever be taken over. Where that is all that failed in a module or class whose
 * collectors are residents, they are taken for found, with the facts known of them: the new resident imports them when
 * the old one is gone, and tells what is wrong with them then.
 */
export function behindHeldPort(discovery: Discovery, known: readonly CollectorRecord[]): BehindPort {
  const seen = new Set(discovery.collectors.map((one) => one.key));
  const missing = known.filter(({ key, resident }) => resident && !seen.has(key));
  const carried = missing.filter((record) => {
    const own = discovery.failures.filter((failure) => concerns(failure, record));
    return own.length > 0 && own.every(isPortTaken);
  });
  if (carried.length === 0) return { discovery, carried };
  const isExplained = (failure: ModuleFailure) =>
    isPortTaken(failure) && carried.some((record) => concerns(failure, record));
  const names = carried.map((record) => record.class).join(', ');
  const message = `the port of ${names} is held by the resident that runs; name and interval stay as they were, and it is replaced`;
  return {
    discovery: {
      ...discovery,
      collectors: [...discovery.collectors, ...carried.map(asFound)],
      failures: discovery.failures.filter((failure) => !isExplained(failure)),
      warnings: [...discovery.warnings, { code: 'port-held', message }],
    },
    carried,
  };
}

function isPortTaken({ type, message }: ModuleFailure): boolean {
  return type === 'OSError' && PORT_IS_TAKEN.test(message);
}

function concerns(failure: ModuleFailure, record: CollectorRecord): boolean {
  const id = collectorId(record.input, failure.dir, failure.module, failure.class ?? record.class);
  return id === record.id;
}

function asFound(record: CollectorRecord): FoundCollector {
  const { key, module, class: name, everyMs, timeoutMs, isolation } = record;
  return {
    ...{ key, module, class: name, name: record.name, isolation: isolation ?? null },
    dir: key.slice(0, key.lastIndexOf(`/${module}:`)),
    ...{ interval: everyMs / 1000, timeout: timeoutMs / 1000, warnings: [] },
  };
}
