import type { BundleDigest } from '@pythond/jobs';
import { DiskCache } from './disk-cache.ts';
import type { CacheBounds, Evicted } from './eviction.ts';
import type { BundleLimits } from './limits.ts';
import type { BundleStore } from './store.ts';

export interface BundleCacheOptions {
  /** A folder of the cache's own; made when missing. Several processes may share it. */
  readonly dir: string;
  readonly store: Pick<BundleStore, 'get'>;
  readonly limits?: BundleLimits;
  readonly bounds?: CacheBounds;
  /** Told of a bundle on the disk that was not what it should be: it is deleted, and fetched again. */
  readonly onDamaged?: (digest: BundleDigest, path: string) => void;
  readonly now?: () => number;
  /** How often a bundle with a lease is marked as wanted, for the other processes. Far below `bounds.minIdleMs`. */
  readonly leaseRefreshMs?: number;
}

/** A bundle that stays on the disk until it is released. */
export interface BundleLease {
  readonly digest: BundleDigest;
  /** The folder that holds `python.d`, `abs` and `files`. */
  readonly root: string;
  /** Any number of times. */
  release(): void;
}

/** The bundles of a worker's disk; see {@link createBundleCache}. */
export interface BundleCache {
  /** Gives the bundle's folder, fetched and checked when it is not there. It stays for `bounds.minIdleMs` at least. */
  ensure(digest: BundleDigest): Promise<string>;
  /** As `ensure`, and keeps it until the lease is released. */
  acquire(digest: BundleDigest): Promise<BundleLease>;
  /** Reads every file; false when the bundle is not there or not what its digest says. */
  verify(digest: BundleDigest): Promise<boolean>;
  /** Deletes what is over the bounds and not wanted; also done after each fetch. */
  collect(): Promise<Evicted>;
  /** Ends the marking; leases that are still held protect nothing from other processes any more. */
  close(): void;
}

/**
 * A cache of unpacked bundles.
 *
 * A bundle is fetched once, checked against its digest before any of it is unpacked, written to a folder beside its
 * place, and renamed into it: what is at the place is whole. The first time that a process wants a bundle it finds
 * there, every file is read and compared with the digest; later, that no file was touched since. What fails is moved
 * away before anybody can use it, and fetched again.
 *
 * @throws BundleError of all codes from `ensure` and `acquire`; what the store throws comes as it is
 */
export function createBundleCache(options: BundleCacheOptions): BundleCache {
  return new DiskCache(options);
}
