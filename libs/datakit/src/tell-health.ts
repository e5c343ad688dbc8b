import type { HealthChange } from './health.ts';

/** Where it is told; a pino logger is one. */
export interface HealthLog {
  warn(facts: object, message: string): void;
  info(facts: object, message: string): void;
  debug(facts: object, message: string): void;
}

/**
 * Tells of a DataKit's trouble once when it begins and once when it is over, however often it was tried in between.
 * For `onChange` of `createEndpointHealth`.
 */
export function tellHealth(log: HealthLog): (change: HealthChange) => void {
  return ({ key, from, to }) => {
    if (to.kind === 'closed') return log.info({ datakit: key }, 'the DataKit takes points again');
    const facts = { datakit: key, state: to.kind, cause: to.cause.message };
    if (from.kind === 'closed') log.warn(facts, 'the DataKit takes no points: they wait');
    else log.debug(facts, 'the DataKit still takes no points');
  };
}
