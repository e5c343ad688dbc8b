import { createHash } from 'node:crypto';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { BundleDigest } from '@pythond/jobs';
import type { BundleEntry } from './entry.ts';
import { tarOf } from './tar.ts';

export interface PackedBundle {
  /** SHA-256 of the archive before compression, which may differ from one zlib to the next. */
  readonly digest: BundleDigest;
  /** A gzipped tar. */
  readonly archive: Buffer;
  /** Of the archive before compression. */
  readonly bytes: number;
}

/** Packs what {@link collectBundle} found. Equal entries give an equal digest. */
export async function packBundle(entries: Iterable<BundleEntry>): Promise<PackedBundle> {
  const hash = createHash('sha256');
  const packed: Buffer[] = [];
  let bytes = 0;
  await pipeline(
    async function* () {
      for await (const chunk of tarOf(entries)) {
        hash.update(chunk);
        bytes += chunk.length;
        yield chunk;
      }
    },
    createGzip(),
    async (chunks: AsyncIterable<Buffer>) => {
      for await (const chunk of chunks) packed.push(chunk);
    },
  );
  return { digest: hash.digest('hex') as BundleDigest, archive: Buffer.concat(packed), bytes };
}
