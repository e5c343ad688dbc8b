import type { BundleDigest } from '@pythond/jobs';

/** Where packed bundles are kept for the whole fleet, each once, under its digest. */
export interface BundleStore {
  put(digest: BundleDigest, archive: Buffer): Promise<void>;
  /** The archive as it was put, or null; the caller checks it against the digest. */
  get(digest: BundleDigest): Promise<Buffer | null>;
  has(digest: BundleDigest): Promise<boolean>;
}
