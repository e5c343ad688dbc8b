import { placeOf } from '@pythond/jobs';
import type { WorkerView } from '@pythond/registry';

/** `untried`: nobody is known to start it, but somebody who has just come, or just heard of it, may. */
export type Elsewhere = 'somewhere' | 'untried' | 'nowhere';

/** Whether a worker takes from a place: a pool, or a host of one. */
export function serves({ pools, host, takesOwnHost }: WorkerView, place: string): boolean {
  return pools.some((pool) => pool === place || (takesOwnHost && placeOf({ pool, host }) === place));
}

/** Whether a worker of a place, other than the one that asks, starts a `cmd`. Workers of earlier versions do not say. */
export function startsElsewhere(
  workers: readonly WorkerView[],
  { place, cmd, self }: { readonly place: string; readonly cmd: string; readonly self: string },
): Elsewhere {
  const others = workers.filter((worker) => worker.name !== self && serves(worker, place));
  if (others.some(({ cmds }) => cmds?.[cmd] === true)) return 'somewhere';
  return others.some(({ cmds }) => cmds && cmds[cmd] === undefined) ? 'untried' : 'nowhere';
}

/** The `cmd`s that start on a worker and not on all others of a place: what these hand over waits for it. */
export function cmdsLackedElsewhere(
  workers: readonly WorkerView[],
  { place, self, own }: { readonly place: string; readonly self: string; readonly own: readonly string[] },
): string[] {
  const others = workers.filter((worker) => worker.name !== self && serves(worker, place));
  return own.filter((cmd) => others.some(({ cmds }) => cmds?.[cmd] === false));
}
