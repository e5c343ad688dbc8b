import type { Redis } from '@pythond/queue';
import { type LedgerEntry, type LedgerState, ledgerStates, noPoints } from './counts.ts';
import { ledgerKeys } from './keys.ts';

/** Reads what the scripts count. */
export class Ledger {
  readonly #redis: Redis;

  constructor(redis: Redis) {
    this.#redis = redis;
  }

  /** Every collector that ever reported, also those that are gone, ordered by id and endpoint. */
  async entries(): Promise<LedgerEntry[]> {
    const collectors = (await this.#redis.smembers(ledgerKeys.collectors)).sort();
    const pipeline = this.#redis.pipeline();
    for (const id of collectors) pipeline.hgetall(ledgerKeys.collector(id));
    const replies = (await pipeline.exec()) ?? [];
    return collectors.flatMap((id, index) => entriesOf(id, replies[index]?.[1] as Record<string, string>));
  }

  async of(collector: string): Promise<LedgerEntry[]> {
    return entriesOf(collector, await this.#redis.hgetall(ledgerKeys.collector(collector)));
  }
}

function entriesOf(collector: string, hash: Readonly<Record<string, string>>): LedgerEntry[] {
  const endpoints = new Map<string, Record<LedgerState, number>>();
  for (const [field, points] of Object.entries(hash)) {
    const space = field.indexOf(' ');
    const state = ledgerStates.find((name) => name === field.slice(0, space));
    if (!state) continue; // a newer version's
    const endpoint = field.slice(space + 1);
    const counts = endpoints.get(endpoint) ?? noPoints();
    counts[state] = Number(points);
    endpoints.set(endpoint, counts);
  }
  return [...endpoints]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([endpoint, counts]) => ({ collector, endpoint, counts }));
}
