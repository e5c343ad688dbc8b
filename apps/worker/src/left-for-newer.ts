import type { JobEnd } from '@pythond/queue';

const LEAST_MS = 500;
const SPREAD_MS = 1_000;

/** How a job ends that only a worker of a newer version can do: it waits a little, so that another may take it. */
export function leftForNewer(): JobEnd {
  return { kind: 'later', afterMs: LEAST_MS + Math.round(Math.random() * SPREAD_MS) };
}
