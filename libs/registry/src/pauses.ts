import type { CollectorId, CollectorRecord } from '@pythond/jobs';
import { type Redis, Script } from '@pythond/queue';
import { z } from 'zod';
import { keys } from './keys.ts';

/** What an operator may pause: everything, one input, or one collector. */
export type PauseTarget =
  | { readonly scope: 'fleet' }
  | { readonly scope: 'input'; readonly name: string }
  | { readonly scope: 'collector'; readonly name: CollectorId };

/** A pause that an operator ordered; it stays until an operator lifts it. */
export interface Pause {
  readonly target: PauseTarget;
  /** Who ordered it, such as `anna@host`. */
  readonly who: string;
  /** Why, in the operator's words; null: not told. */
  readonly reason: string | null;
  /** By Redis' clock. */
  readonly atMs: number;
}

const storedSchema = z.looseObject({ who: z.string(), reason: z.string().nullish(), atMs: z.number() });

const resumeScript = new Script(
  new URL('../lua/pauses.lua', import.meta.url),
  new URL('../lua/resume.lua', import.meta.url),
);

/**
 * What operators have paused: one hash, which the script that claims a tick reads, so that a pause holds from the moment
 * that it is written. It names inputs and collectors, not versions, and so survives edits.
 */
export class Pauses {
  readonly #redis: Redis;

  constructor(redis: Redis) {
    this.#redis = redis;
  }

  /** All that stand, the widest first. */
  async list(): Promise<Pause[]> {
    const stored = Object.entries(await this.#redis.hgetall(keys.pauses));
    const pauses = stored.flatMap(([field, text]) => toPause(field, text) ?? []);
    return pauses.sort((a, b) => (fieldOf(a.target) < fieldOf(b.target) ? -1 : 1));
  }

  /** Orders pauses. One that stands stays as it is, unless there is another reason. Gives those that are new or changed. */
  async pause(
    targets: readonly PauseTarget[],
    { who, reason }: Pick<Pause, 'who' | 'reason'>,
  ): Promise<PauseTarget[]> {
    if (targets.length === 0) return [];
    const [seconds = 0, microseconds = 0] = await this.#redis.time();
    const atMs = Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000);
    const text = JSON.stringify({ who, reason, atMs });
    const transaction = this.#redis.multi();
    for (const target of targets) {
      if (reason === null) transaction.hsetnx(keys.pauses, fieldOf(target), text);
      else transaction.hset(keys.pauses, fieldOf(target), text);
    }
    const replies = (await transaction.exec()) ?? [];
    return targets.filter((_, index) => reason !== null || replies[index]?.[1] === 1);
  }

  /**
   * Lifts pauses, and counts the ticks that the `residents` among their collectors have had meanwhile as skipped (those
   * of other collectors are counted as they come). Gives how many stood.
   *
   * @param residents Job Scheduler ids of the resident collectors that may go on by it
   */
  async resume(targets: readonly PauseTarget[], residents: readonly string[]): Promise<number> {
    if (targets.length === 0) return 0;
    const hashes = residents.map((scheduler) => keys.collector(scheduler));
    const reply = await resumeScript.run(this.#redis, [keys.pauses, ...hashes], targets.map(fieldOf));
    return Number(reply);
  }
}

/** Those of the pauses that hold a collector. */
export function pausesOf(
  { id, input }: Pick<CollectorRecord, 'id' | 'input'>,
  pauses: readonly Pause[],
): Pause[] {
  return pauses.filter(
    ({ target }) =>
      target.scope === 'fleet' || target.name === (target.scope === 'input' ? input : (id as string)),
  );
}

/** Sorted, the widest come first. `pauses.lua` knows these, too. */
function fieldOf(target: PauseTarget): string {
  if (target.scope === 'fleet') return '*';
  return `${target.scope === 'input' ? 'input' : 'one'}:${target.name}`;
}

function toPause(field: string, text: string): Pause | null {
  const [scope] = field.split(':', 1);
  const name = field.slice(field.indexOf(':') + 1);
  const { who, reason = null, atMs } = storedSchema.parse(JSON.parse(text));
  const order = { who, reason, atMs };
  if (field === '*') return { target: { scope: 'fleet' }, ...order };
  if (scope === 'input') return { target: { scope, name }, ...order };
  if (scope === 'one') return { target: { scope: 'collector', name: name as CollectorId }, ...order };
  return null; // of a later version
}
