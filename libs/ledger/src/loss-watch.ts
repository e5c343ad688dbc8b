import { randomBytes } from 'node:crypto';
import { type Redis, Script } from '@pythond/queue';
import type { LedgerEntry } from './counts.ts';
import { ledgerKeys } from './keys.ts';
import { Ledger } from './ledger.ts';
import { ledgerLua } from './script.ts';

const tellScript = new Script(ledgerLua, new URL('../lua/tell-loss.lua', import.meta.url));

/**
 * Notices that Redis has lost everything (a flush, an empty disk), and counts as lost the points that were only there, as
 * far as its last look goes back. Who looks first tells of it; a Redis that lost only its last second lost points and
 * their count alike.
 */
export class LossWatch {
  readonly #redis: Redis;
  readonly #ledger: Ledger;
  #epoch: string | null = null;
  #seen: readonly LedgerEntry[] = [];

  constructor(redis: Redis) {
    this.#redis = redis;
    this.#ledger = new Ledger(redis);
  }

  /** One look; gives how many points it found to be lost: 0 but for the one who tells of it. */
  async look(): Promise<number> {
    const found = await this.#redis.get(ledgerKeys.epoch);
    const lost = found === null ? await this.#begin(this.#epoch === null ? [] : this.#seen) : 0;
    this.#epoch = found ?? (await this.#redis.get(ledgerKeys.epoch));
    this.#seen = (await this.#ledger.entries()).filter((entry) => atRiskOf(entry) > 0);
    return lost;
  }

  async #begin(gone: readonly LedgerEntry[]): Promise<number> {
    const shares = gone.flatMap((entry) => [entry.collector, entry.endpoint, atRiskOf(entry)]);
    const epoch = randomBytes(8).toString('hex');
    const keys = [ledgerKeys.prefix, ledgerKeys.epoch];
    const told = await tellScript.run(this.#redis, keys, [epoch, ...shares]);
    return told === 1 ? gone.reduce((sum, entry) => sum + atRiskOf(entry), 0) : 0;
  }
}

/** Points that are nowhere but in Redis. */
function atRiskOf({ counts }: LedgerEntry): number {
  return counts.queued + counts.dead + counts.late;
}
