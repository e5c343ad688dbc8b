import type { BundleDigest } from '@pythond/jobs';
import type { Redis } from '@pythond/queue';
import { keys } from './keys.ts';

/** A bundle that nothing names is kept this long: a worker may be about to ask for it. */
const GRACE_MS = 24 * 3600 * 1000;

/** Bundles in Redis: each once, under its digest, with the moment it was last wanted. */
export class BundleArchive {
  readonly #redis: Redis;

  constructor(redis: Redis) {
    this.#redis = redis;
  }

  async put(digest: BundleDigest, archive: Buffer): Promise<void> {
    await this.#redis
      .multi()
      .setnx(keys.bundle(digest), archive)
      .hset(keys.bundles, digest, Date.now())
      .exec();
  }

  async get(digest: BundleDigest): Promise<Buffer | null> {
    return this.#redis.getBuffer(keys.bundle(digest));
  }

  async has(digest: BundleDigest): Promise<boolean> {
    return (await this.#redis.exists(keys.bundle(digest))) === 1;
  }

  /** Takes one away that was found damaged. */
  async discard(digest: BundleDigest): Promise<void> {
    await this.#redis.del(keys.bundle(digest));
  }

  /** Deletes bundles that are not `wanted` and were not for a day; gives their digests. */
  async collect(wanted: ReadonlySet<string>, nowMs: number): Promise<string[]> {
    const stored = await this.#redis.hgetall(keys.bundles);
    const old: string[] = [];
    const pipeline = this.#redis.pipeline();
    for (const [digest, usedMs] of Object.entries(stored)) {
      if (wanted.has(digest)) pipeline.hset(keys.bundles, digest, nowMs);
      else if (nowMs - Number(usedMs) > GRACE_MS) {
        old.push(digest);
        pipeline.del(keys.bundle(digest)).hdel(keys.bundles, digest);
      }
    }
    await pipeline.exec();
    return old;
  }
}
