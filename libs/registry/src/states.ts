import type { SchedulerId } from '@pythond/jobs';
import type { Redis } from '@pythond/queue';
import { z } from 'zod';
import { keys } from './keys.ts';

/** How long the state of a collector that is gone waits for it to come back. */
export const STATE_OF_GONE_MS = 7 * 24 * 3600 * 1000;

/** What a run wrote before its state, for people: which names it holds. It came from user code, so it proves nothing. */
const headerSchema = z.object({
  instance: z.array(z.string()).default([]),
  modules: z.record(z.string(), z.array(z.string())).default({}),
  classes: z.record(z.string(), z.array(z.string())).default({}),
});
export type StateNames = z.infer<typeof headerSchema>;

export interface StateView {
  readonly bytes: number;
  readonly version: string;
  /** When it was written. */
  readonly atMs: number;
  /** null: it does not say, or not in a way that can be read. */
  readonly names: StateNames | null;
}

/** What runs leave to the next run of their collector. Written with the release of a lease, see {@link Leases}. */
export class States {
  readonly #redis: Redis;

  constructor(redis: Redis) {
    this.#redis = redis;
  }

  async view(scheduler: SchedulerId): Promise<StateView | null> {
    const [version, at, data] = await this.#redis.hmgetBuffer(keys.state(scheduler), 'version', 'at', 'data');
    if (!version || !data) return null;
    return {
      bytes: data.length,
      version: version.toString(),
      atMs: Number(at?.toString() ?? 0),
      names: namesIn(data),
    };
  }

  /** The next run starts from the beginning; one that goes on now still leaves what it changes. */
  async clear(scheduler: SchedulerId): Promise<boolean> {
    return (await this.#redis.del(keys.state(scheduler))) === 1;
  }
}

const LENGTH_BYTES = 2;
/** More than any honest header takes. */
const MAX_HEADER_BYTES = 8 * 1024;

/** Reads the header of a state, `u16 length | JSON | …`; null when it is none. */
export function namesIn(state: Buffer): StateNames | null {
  if (state.length < LENGTH_BYTES) return null;
  const length = state.readUInt16BE(0);
  if (length > MAX_HEADER_BYTES || LENGTH_BYTES + length > state.length) return null;
  try {
    return headerSchema.parse(JSON.parse(state.toString('utf8', LENGTH_BYTES, LENGTH_BYTES + length)));
  } catch {
    return null;
  }
}
