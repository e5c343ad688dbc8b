import { placeOf } from '@pythond/jobs';
import type { WorkerView } from '@pythond/registry';

/** `untried`: nobody is known to start it, but somebody who has just come, or just heard of it, may. */
export type Elsewhere = 'somewhere' | 'untried' | 'nowhere';

/** Whether a worker takes from a place: a pool, or a host of one. */
export function serves({ pools, host, takesOwnHost }: WorkerView, place: string): boolean {
  return pools.some((pool) => pool === place || (takesOwnHost && placeOf({ pool, host }) === place));
}

/** The workers of a place besides the one that asks. */
export function othersOf(
  workers: readonly WorkerView[],
  { place, self }: { readonly place: string; readonly self: string },
): WorkerView[] {
  return workers.filter((worker) => worker.name !== self && serves(worker, place));
}

/** Whether one of these workers starts a `cmd`. Those of earlier versions do not say. */
export function whoStarts(workers: readonly WorkerView[], cmd: string): Elsewhere {
  if (workers.some(({ cmds }) => cmds?.[cmd] === true)) return 'somewhere';
  return workers.some(({ cmds }) => cmds && cmds[cmd] === undefined) ? 'untried' : 'nowhere';
}

/** Those of the own `cmd`s that do not start on all of these workers: what they hand over waits for it. */
export function cmdsLackedBy(workers: readonly WorkerView[], own: readonly string[]): string[] {
  return own.filter((cmd) => workers.some(({ cmds }) => cmds?.[cmd] === false));
}
