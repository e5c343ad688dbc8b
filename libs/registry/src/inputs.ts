import { createHash } from 'node:crypto';
import { type Discovery, discoverySchema, type InputRecord, inputRecordSchema } from '@pythond/jobs';
import type { Redis } from '@pythond/queue';
import { keys } from './keys.ts';

/** An input record before it has a number. */
export type InputContent = Omit<InputRecord, 'v' | 'number'>;

export interface PutResult {
  readonly number: number;
  /** False when the newest record has this very content: then nothing has to be discovered again. */
  readonly changed: boolean;
}

/** How many versions of an input are kept besides the one in force. */
const VERSIONS_KEPT = 5;

/** The inputs, their versions, and what was found in each. */
export class Inputs {
  readonly #redis: Redis;

  constructor(redis: Redis) {
    this.#redis = redis;
  }

  /** Stores content under a new number, unless it is what the newest number holds already. */
  async put(content: InputContent): Promise<PutResult> {
    const hash = keys.input(content.key);
    const fingerprint = createHash('sha256').update(JSON.stringify(content)).digest('hex');
    const [known, latest] = await this.#redis.hmget(hash, 'fingerprint', 'latest');
    if (known === fingerprint && latest) return { number: Number(latest), changed: false };
    const number = await this.#redis.hincrby(hash, 'latest', 1);
    const record: InputRecord = { v: 1, number, ...content };
    await this.#redis
      .multi()
      .hset(hash, `r:${number}`, JSON.stringify(record), 'fingerprint', fingerprint)
      .hdel(hash, `r:${number - VERSIONS_KEPT}`)
      .sadd(keys.inputs, content.key)
      .exec();
    return { number, changed: true };
  }

  async get(input: string, number: number): Promise<InputRecord | null> {
    const text = await this.#redis.hget(keys.input(input), `r:${number}`);
    return text ? inputRecordSchema.parse(JSON.parse(text)) : null;
  }

  async latest(input: string): Promise<InputRecord | null> {
    const number = await this.#redis.hget(keys.input(input), 'latest');
    return number ? this.get(input, Number(number)) : null;
  }

  async names(): Promise<string[]> {
    return (await this.#redis.smembers(keys.inputs)).sort();
  }

  async remove(input: string): Promise<void> {
    await this.#redis
      .multi()
      .del(keys.input(input))
      .srem(keys.inputs, input)
      .hdel(keys.discoveries, input)
      .exec();
  }

  async putDiscovery(discovery: Discovery): Promise<void> {
    await this.#redis.hset(keys.discoveries, discovery.input, JSON.stringify(discovery));
  }

  /** What each input's newest discovery found. */
  async discoveries(): Promise<Discovery[]> {
    const all = await this.#redis.hgetall(keys.discoveries);
    return Object.values(all).map((text) => discoverySchema.parse(JSON.parse(text)));
  }
}
