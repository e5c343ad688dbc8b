import type { IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import zlib from 'node:zlib';

/** Neither a body nor what it unpacks to may be larger. DataKit has no such limit; a proxy before it may have one. */
export const MAX_BODY_BYTES = 64 * 1024 * 1024;

/** The body is larger than {@link MAX_BODY_BYTES}. */
export class BodyTooLargeError extends Error {
  readonly code = 'body-too-large';
  override readonly name = 'BodyTooLargeError';
}

/** The bytes do not fit their encoding. `losesBatch`: DataKit fails over them instead of answering 400. */
export class BodyEncodingError extends Error {
  readonly code = 'body-encoding';
  override readonly name = 'BodyEncodingError';
  readonly losesBatch: boolean;

  constructor(message: string, losesBatch = false, options?: ErrorOptions) {
    super(message, options);
    this.losesBatch = losesBatch;
  }
}

export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES)
      throw new BodyTooLargeError(`the body is larger than ${MAX_BODY_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

const limit = { maxOutputLength: MAX_BODY_BYTES };
const gunzip = promisify<Buffer, zlib.ZlibOptions, Buffer>(zlib.gunzip);
const inflateRaw = promisify<Buffer, zlib.ZlibOptions, Buffer>(zlib.inflateRaw);
const brotliDecompress = promisify<Buffer, zlib.BrotliOptions, Buffer>(zlib.brotliDecompress);

/** @throws BodyEncodingError also for an encoding that DataKit does not know, `identity` and `GZIP` among them. */
export async function unpack(body: Buffer, encoding: string): Promise<Buffer> {
  try {
    switch (encoding) {
      case '':
        return body;
      case 'gzip':
        // DataKit takes the first two bytes on trust.
        if (body[0] !== 0x1f || body[1] !== 0x8b) throw new BodyEncodingError('not gzip', true);
        return await gunzip(body, limit);
      case 'deflate':
        return await inflateRaw(hasZlibHeader(body) ? body.subarray(2) : body, limit);
      case 'br':
        return await brotliDecompress(body, limit);
      case 'zstd':
        return await unpackZstd(body);
      default:
        throw new BodyEncodingError(`unknown encoding ${encoding}`);
    }
  } catch (error) {
    if (error instanceof BodyEncodingError || error instanceof UnseenBodyError) throw error;
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
      throw new BodyTooLargeError(`the body unpacks to more than ${MAX_BODY_BYTES} bytes`);
    }
    throw new BodyEncodingError(`not ${encoding}`, false, { cause: error });
  }
}

function hasZlibHeader(body: Buffer): boolean {
  const [first = 0, second = 0] = body;
  return (
    body.length > 2 && (first & 0x0f) === 8 && (first & 0x80) === 0 && ((first << 8) + second) % 31 === 0
  );
}

/** A zstd body that this Node can't unpack: accepted as DataKit would, its points unseen. */
export class UnseenBodyError extends Error {
  readonly code = 'unseen-body';
  override readonly name = 'UnseenBodyError';
}

type Decompress = (body: Buffer, options: object) => Buffer;

/** Node has zstd since 22.15. The fleet sends none, so before that the frame's magic number has to do. */
async function unpackZstd(body: Buffer): Promise<Buffer> {
  const decompress = (zlib as { zstdDecompressSync?: Decompress }).zstdDecompressSync;
  if (decompress !== undefined) return decompress(body, limit);
  if (body.length >= 4 && body.readUInt32LE(0) === 0xfd2fb528)
    throw new UnseenBodyError('zstd needs Node 22.15');
  throw new BodyEncodingError('not zstd');
}
