import { type CollectorRecord, collectorRecordSchema, readRecord } from '@pythond/jobs';
import type { Redis } from '@pythond/queue';
import { keys } from './keys.ts';

/**
 * The collectors of `scope = "host"` as they were found, before each host gets its own of them: one hash, id → record.
 */
export class Templates {
  readonly #redis: Redis;

  constructor(redis: Redis) {
    this.#redis = redis;
  }

  async list(): Promise<CollectorRecord[]> {
    const all = await this.#redis.hgetall(keys.templates);
    return Object.entries(all).map(([id, text]) =>
      readRecord(collectorRecordSchema, JSON.parse(text), `template ${id}`),
    );
  }

  /** Makes those of an input these, in one step. */
  async replace(input: string, records: readonly CollectorRecord[]): Promise<void> {
    const ids = new Set<string>(records.map(({ id }) => id));
    const old = (await this.list()).filter((one) => one.input === input && !ids.has(one.id));
    const transaction = this.#redis.multi();
    for (const { id } of old) transaction.hdel(keys.templates, id);
    for (const record of records) transaction.hset(keys.templates, record.id, JSON.stringify(record));
    if (old.length + records.length > 0) await transaction.exec();
  }
}
