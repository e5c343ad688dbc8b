/**
 * Every key of the fleet starts so. The braces make one Redis Cluster slot of it all, which BullMQ's scripts need;
 * an ACL can grant exactly `~{pythond}:*`.
 */
export const PREFIX = '{pythond}';

/** A key of our own, under the same prefix as BullMQ's. */
export function key(...parts: readonly string[]): string {
  return [PREFIX, ...parts].join(':');
}

/** Queue names never hold a colon (BullMQ splits keys there). */
export const queueNames = {
  /** `place`: a pool, or `pool@host`. */
  collect: (place: string) => `collect-${place}`,
  discover: (pool: string) => `discover-${pool}`,
  discovered: 'discovered',
  deliver: 'deliver',
} as const;
