import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';

export type ScriptArg = string | number | Buffer;

/** A Lua script in a file of its own, run by its digest; sent whole when Redis does not know it (SCRIPT FLUSH, restart). */
export class Script {
  readonly #source: string;
  readonly #digest: string;

  /** @param files `.lua` files, usually `new URL('../lua/x.lua', import.meta.url)`; the earlier ones hold its functions */
  constructor(...files: readonly URL[]) {
    this.#source = files.map((file) => readFileSync(file, 'utf8')).join('\n');
    this.#digest = createHash('sha1').update(this.#source).digest('hex');
  }

  async run(redis: Redis, keys: readonly string[], args: readonly ScriptArg[]): Promise<unknown> {
    try {
      return await redis.evalsha(this.#digest, keys.length, ...keys, ...args);
    } catch (error) {
      if (!isUnknown(error)) throw error;
      return redis.eval(this.#source, keys.length, ...keys, ...args);
    }
  }

  /** The same, where the reply may hold bytes that are no text: every string in it is a Buffer. */
  async runBuffer(redis: Redis, keys: readonly string[], args: readonly ScriptArg[]): Promise<unknown> {
    try {
      return await withBuffers(redis).evalshaBuffer(this.#digest, keys.length, ...keys, ...args);
    } catch (error) {
      if (!isUnknown(error)) throw error;
      return withBuffers(redis).evalBuffer(this.#source, keys.length, ...keys, ...args);
    }
  }
}

function isUnknown(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('NOSCRIPT');
}

type Evaluate = (script: string, keys: number, ...args: ScriptArg[]) => Promise<unknown>;

/** They are there, without a type. (`callBuffer` is not pipelined as it should be where pipelining is automatic.) */
function withBuffers(redis: Redis): { readonly evalBuffer: Evaluate; readonly evalshaBuffer: Evaluate } {
  return redis as unknown as { readonly evalBuffer: Evaluate; readonly evalshaBuffer: Evaluate };
}
