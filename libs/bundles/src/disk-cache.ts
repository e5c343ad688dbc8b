import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import type { BundleDigest } from '@pythond/jobs';
import type { BundleCache, BundleCacheOptions, BundleLease } from './bundle-cache.ts';
import { asCacheError, discard, prepareCacheFolder, sweepAbandoned } from './cache-folder.ts';
import * as cached from './cached-bundle.ts';
import { checkArchive, type PackedSource } from './check-archive.ts';
import { BundleError, systemCode } from './errors.ts';
import { type CacheBounds, defaultCacheBounds, type Evicted, evict } from './eviction.ts';
import { HeldBundles } from './held-bundles.ts';
import { installBundle } from './install-bundle.ts';
import { type BundleLimits, defaultBundleLimits } from './limits.ts';

const LEASE_REFRESH_MS = 60_000;

/** See {@link createBundleCache}. */
export class DiskCache implements BundleCache {
  readonly #options: BundleCacheOptions;
  readonly #limits: BundleLimits;
  readonly #bounds: CacheBounds;
  readonly #now: () => number;
  /** Read and found right by this process. */
  readonly #known = new Set<BundleDigest>();
  readonly #pending = new Map<BundleDigest, Promise<string>>();
  readonly #held: HeldBundles;
  #prepared: Promise<void> | undefined;

  constructor(options: BundleCacheOptions) {
    this.#options = options;
    this.#limits = options.limits ?? defaultBundleLimits;
    this.#bounds = options.bounds ?? defaultCacheBounds;
    this.#now = options.now ?? Date.now;
    const refresh = (digest: BundleDigest) => {
      // Gone or unwritable: the next one that wants the bundle finds out and says so.
      cached.touch(this.#place(digest), this.#now()).catch(() => undefined);
    };
    this.#held = new HeldBundles(refresh, options.leaseRefreshMs ?? LEASE_REFRESH_MS);
  }

  ensure(digest: BundleDigest): Promise<string> {
    const pending = this.#pending.get(digest);
    if (pending) return pending;
    const making = this.#make(digest).finally(() => this.#pending.delete(digest));
    this.#pending.set(digest, making);
    return making;
  }

  async acquire(digest: BundleDigest): Promise<BundleLease> {
    const release = this.#held.hold(digest);
    try {
      return { digest, root: await this.ensure(digest), release };
    } catch (error) {
      release();
      throw error;
    }
  }

  async verify(digest: BundleDigest): Promise<boolean> {
    const right = await cached.rehash(this.#place(digest));
    if (!right) this.#known.delete(digest);
    return right;
  }

  collect(): Promise<Evicted> {
    return this.#evict(this.#bounds);
  }

  close(): void {
    this.#held.stop();
  }

  #place(digest: BundleDigest): cached.CachedBundle {
    return cached.cachedBundle(this.#path(digest), digest);
  }

  #path(digest: BundleDigest): string {
    if (!/^[0-9a-f]{64}$/.test(digest)) {
      throw new BundleError('bundle-missing', `${JSON.stringify(digest)} is not the digest of a bundle.`);
    }
    return join(this.#options.dir, digest);
  }

  async #make(digest: BundleDigest): Promise<string> {
    const place = this.#place(digest);
    await this.#prepare();
    if (await this.#cacheErrors(() => this.#isUsable(place))) return place.root;
    const archive = await this.#options.store.get(digest);
    if (archive === null) {
      throw new BundleError(
        'bundle-missing',
        `Bundle ${digest} is not in the store. The scheduler packs it again.`,
      );
    }
    await this.#install(place, { digest, archive, limits: this.#limits });
    this.#known.add(digest);
    await this.collect().catch(() => undefined);
    return place.root;
  }

  /** Once in a while is enough for what is left behind; the folder itself may vanish at any time. */
  async #prepare(): Promise<void> {
    const { dir } = this.#options;
    this.#prepared ??= prepareCacheFolder(dir).then(() => sweepAbandoned(dir, this.#now()));
    try {
      await this.#cacheErrors(() => this.#prepared);
    } catch (error) {
      this.#prepared = undefined;
      throw error;
    }
  }

  async #install(place: cached.CachedBundle, source: PackedSource): Promise<void> {
    const { dir } = this.#options;
    await checkArchive(source);
    const path = this.#path(place.digest);
    const isUsable = () => this.#isUsable(place);
    const install = () => installBundle(source, { folder: dir, path, nowMs: this.#now(), isUsable });
    await this.#cacheErrors(() =>
      install().catch(async (error: unknown) => {
        if (!(await this.#recover(error))) throw error;
        await install();
      }),
    );
  }

  async #cacheErrors<T>(work: () => Promise<T> | T): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw asCacheError(error, this.#options.dir);
    }
  }

  /** Whether another try may go better: after making room, or after making a folder that somebody cleaned away. */
  async #recover(error: unknown): Promise<boolean> {
    const code = systemCode(error);
    if (code === 'ENOENT') await prepareCacheFolder(this.#options.dir);
    else if (code === 'ENOSPC' || code === 'EDQUOT') await this.#evict({ ...this.#bounds, maxBytes: 0 });
    else return false;
    return true;
  }

  async #evict(bounds: CacheBounds): Promise<Evicted> {
    const isWanted = (digest: BundleDigest) => this.#held.has(digest) || this.#pending.has(digest);
    const evicted = await evict(this.#options.dir, bounds, isWanted, this.#now());
    for (const digest of evicted.digests) this.#known.delete(digest);
    return evicted;
  }

  /** Whether what lies at the place may be used; what may not is moved away. */
  async #isUsable(place: cached.CachedBundle): Promise<boolean> {
    const path = this.#path(place.digest);
    if ((await lstat(path).catch(() => null)) === null) return false;
    // Marked before it is looked at, so that nobody who deletes what is old can miss that it is wanted.
    const touched = await cached.touch(place, this.#now()).then(
      () => true,
      () => false,
    );
    if (touched && (await this.#isWhole(place))) return true;
    this.#known.delete(place.digest);
    if (await discard(this.#options.dir, path)) this.#options.onDamaged?.(place.digest, path);
    return false;
  }

  async #isWhole(place: cached.CachedBundle): Promise<boolean> {
    const marker = await cached.readMarker(place);
    const shape = await cached.shapeOf(place).catch(() => null);
    if (shape === null || marker?.files !== shape.files || marker.bytes !== shape.bytes) return false;
    if (this.#known.has(place.digest) && shape.print === marker.print) return true;
    if (!(await cached.rehash(place))) return false;
    if (shape.print !== marker.print) await cached.writeMarker(place, shape);
    this.#known.add(place.digest);
    return true;
  }
}
