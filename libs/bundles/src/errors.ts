/**
 * - `bundle-missing`: the store does not have it.
 * - `bundle-corrupt`: what the store gave is not what the digest names.
 * - `bundle-refused`: the digest is right and the content is not what a packer of ours writes: nothing of it is used.
 * - `bundle-too-large`: over a limit when packed or unpacked.
 * - `cache-full`: the disk, or the user's share of it, is full.
 * - `cache-unusable`: the cache's folder can't be written, or is somebody else's.
 */
export type BundleErrorCode =
  | 'bundle-missing'
  | 'bundle-corrupt'
  | 'bundle-refused'
  | 'bundle-too-large'
  | 'cache-full'
  | 'cache-unusable';

/** A bundle can't be used: which one, where, why, and what to do. */
export class BundleError extends Error {
  override readonly name = 'BundleError';
  readonly code: BundleErrorCode;

  constructor(code: BundleErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** The `code` of a system error, such as ENOENT; '' for anything else. */
export function systemCode(error: unknown): string {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return typeof code === 'string' ? code : '';
}
