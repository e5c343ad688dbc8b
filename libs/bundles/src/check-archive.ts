import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import type { BundleDigest } from '@pythond/jobs';
import { BundleError } from './errors.ts';
import { type BundleLimits, defaultBundleLimits, formatBytes, maxTarBytes } from './limits.ts';

export interface PackedSource {
  readonly digest: BundleDigest;
  readonly archive: Buffer;
  readonly limits: BundleLimits;
}

/**
 * Checks that an archive is what its digest names, in constant memory and without unpacking more than a bundle may
 * have. What unpacks it sees only archives that passed.
 *
 * @throws BundleError `bundle-corrupt` or `bundle-too-large`
 */
export async function checkArchive({ digest, archive, limits }: PackedSource): Promise<void> {
  const hash = createHash('sha256');
  const max = maxTarBytes(limits);
  let bytes = 0;
  try {
    await pipeline(Readable.from([archive]), createGunzip(), async (chunks: AsyncIterable<Buffer>) => {
      for await (const chunk of chunks) {
        bytes += chunk.length;
        if (bytes > max) return;
        hash.update(chunk);
      }
    });
  } catch (cause) {
    if (bytes <= max) throw corrupt(digest, 'it is not a whole gzip file', cause);
  }
  if (bytes > max) {
    throw new BundleError(
      'bundle-too-large',
      `Bundle ${digest} unpacks to more than ${formatBytes(max)}, the limit. Have it packed again.`,
    );
  }
  const actual = hash.digest('hex');
  if (actual !== digest) throw corrupt(digest, `its content has the digest ${actual}`);
}

/** Whether an archive is what its digest names. */
export async function isIntact(digest: BundleDigest, archive: Buffer): Promise<boolean> {
  const limits = { ...defaultBundleLimits, maxBytes: Number.MAX_SAFE_INTEGER / 2 };
  return checkArchive({ digest, archive, limits }).then(
    () => true,
    (error: unknown) => {
      if (error instanceof BundleError) return false;
      throw error;
    },
  );
}

function corrupt(digest: BundleDigest, why: string, cause?: unknown): BundleError {
  return new BundleError(
    'bundle-corrupt',
    `What the store holds as bundle ${digest} is something else (${why}): it is not used. The scheduler packs it again.`,
    { cause },
  );
}
