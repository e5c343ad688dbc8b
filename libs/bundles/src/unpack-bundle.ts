import { chmod, mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import type { BundleDigest } from '@pythond/jobs';
import { extract, type Header } from 'tar-stream';
import type { PackedSource } from './check-archive.ts';
import { parentsOf } from './entry.ts';
import { BundleError, systemCode } from './errors.ts';
import { type BundleLimits, formatBytes } from './limits.ts';
import { shown } from './problem.ts';
import { safePath } from './safe-path.ts';

/**
 * Writes the files of an archive that {@link checkArchive} let pass into the existing, empty folder `into`. Takes
 * nothing that {@link packBundle} would not have written: files and folders below the three known tops, in order,
 * each once, each folder before what it holds; so nothing is ever written through a link or twice.
 *
 * @throws BundleError `bundle-refused` or `bundle-too-large`; system errors (a full disk) as they are
 */
export async function unpackBundle(source: PackedSource, into: string): Promise<void> {
  const { archive, digest } = source;
  const tar = extract();
  const reading = pipeline(Readable.from([archive]), createGunzip(), tar as unknown as Writable);
  // Awaited below; it may fail long before.
  reading.catch(() => undefined);
  try {
    const unpacker = new Unpacker(source.limits, into);
    for await (const entry of tar) await unpacker.entry(entry.header, entry as AsyncIterable<Buffer>);
    await reading;
  } catch (error) {
    tar.destroy();
    throw explain(error, digest);
  }
}

function explain(error: unknown, digest: BundleDigest): unknown {
  const isNotUsed = `Bundle ${digest} is not used:`;
  const options = { cause: error };
  if (error instanceof BundleError) {
    return new BundleError(error.code, `${isNotUsed} it ${error.message}.`, options);
  }
  if (systemCode(error) === 'EEXIST') {
    const why = "two of its names differ in capitals only, which the file system here can't hold";
    return new BundleError('bundle-refused', `${isNotUsed} ${why}. Rename one of them.`, options);
  }
  if (error instanceof Error && 'syscall' in error) return error;
  return new BundleError('bundle-refused', `${isNotUsed} its archive can't be read.`, options);
}

class Unpacker {
  readonly #limits: BundleLimits;
  readonly #into: string;
  readonly #folders = new Set<string>();
  #last = '';
  #files = 0;
  #bytes = 0;

  constructor(limits: BundleLimits, into: string) {
    this.#limits = limits;
    this.#into = into;
  }

  async entry(header: Header, content: AsyncIterable<Buffer>): Promise<void> {
    const path = safePath(header.name, this.#limits);
    this.#check(path, header);
    if (header.type === 'directory') {
      await mkdir(join(this.#into, path));
      await chmod(join(this.#into, path), 0o755);
      this.#folders.add(path);
    } else {
      await this.#file(path, header, content);
    }
  }

  #check(path: string, header: Header): void {
    if (header.type !== 'file' && header.type !== 'directory') {
      throw refused(`holds ${shown(path)}, which is neither a file nor a folder`);
    }
    if ((header.mode & ~0o777) !== 0) throw refused(`sets special mode bits on ${shown(path)}`);
    const parent = parentsOf(path).at(-1);
    const misplaced = path <= this.#last || (parent !== undefined && !this.#folders.has(parent));
    if (misplaced) throw refused(`holds ${shown(path)} twice or out of order`);
    this.#last = path;
    this.#files += 1;
    this.#bytes += header.size;
    const { maxFiles, maxFileBytes, maxBytes } = this.#limits;
    if (this.#files > maxFiles) throw tooLarge(`holds more than ${maxFiles} files and folders, the limit`);
    if (header.size > maxFileBytes || this.#bytes > maxBytes) {
      throw tooLarge(`holds more than ${formatBytes(maxBytes)}, the limit, or a file over the limit for one`);
    }
  }

  async #file(path: string, header: Header, content: AsyncIterable<Buffer>): Promise<void> {
    const mode = header.mode & 0o100 ? 0o555 : 0o444;
    const handle = await open(join(this.#into, path), 'wx', mode);
    try {
      for await (const chunk of content) await handle.writeFile(chunk);
      await handle.chmod(mode);
    } finally {
      await handle.close();
    }
  }
}

function refused(what: string): BundleError {
  return new BundleError('bundle-refused', what);
}

function tooLarge(what: string): BundleError {
  return new BundleError('bundle-too-large', what);
}
