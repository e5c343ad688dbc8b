export {
  type BundleCache,
  type BundleCacheOptions,
  type BundleLease,
  createBundleCache,
} from './bundle-cache.ts';
export { isIntact } from './check-archive.ts';
export { type BundleRequest, type CollectedBundle, collectBundle } from './collect-bundle.ts';
export type { BundleEntry } from './entry.ts';
export { BundleError, type BundleErrorCode } from './errors.ts';
export { type CacheBounds, defaultCacheBounds, type Evicted } from './eviction.ts';
export { type BundleLimits, defaultBundleLimits } from './limits.ts';
export { type PackedBundle, packBundle } from './pack-bundle.ts';
export type { BundleProblem, BundleProblemCode } from './problem.ts';
export { isSkipped } from './skipped.ts';
export { type BundleStamp, FRESH_MS, stampBundle } from './stamp-bundle.ts';
export type { BundleStore } from './store.ts';
