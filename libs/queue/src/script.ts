import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';

/** A Lua script in a file of its own, run by its digest; sent whole when Redis does not know it (SCRIPT FLUSH, restart). */
export class Script {
  readonly #source: string;
  readonly #digest: string;

  /** @param file a `.lua` file, usually `new URL('../lua/x.lua', import.meta.url)` */
  constructor(file: URL) {
    this.#source = readFileSync(file, 'utf8');
    this.#digest = createHash('sha1').update(this.#source).digest('hex');
  }

  async run(redis: Redis, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    try {
      return await redis.evalsha(this.#digest, keys.length, ...keys, ...args);
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
      return redis.eval(this.#source, keys.length, ...keys, ...args);
    }
  }
}
