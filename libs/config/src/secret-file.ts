import { constants } from 'node:fs';
import { type FileHandle, open, realpath } from 'node:fs/promises';
import { isAbsolute, join, normalize, sep } from 'node:path';
import { errorCode, readUpTo } from './file-bytes.ts';

export type SecretReading =
  | { readonly ok: true; readonly text: string }
  /** Why not, without the content; completes "… can't be read:". */
  | { readonly ok: false; readonly reason: string };

/** Reads the secret in a file, given its absolute path. */
export type ReadSecret = (path: string) => Promise<SecretReading>;

export const MAX_SECRET_BYTES = 64 * 1024;

/** Where secrets may lie unless `secrets_dirs` says otherwise. */
export function defaultSecretsDirs(home: string): string[] {
  return ['/run/secrets', join(home, 'secrets')];
}

/**
 * Reads files under the given folders and no others: whoever may write a conf file would else read whatever the
 * scheduler or a worker can, `/proc/self/environ` for a start. Links count as where they lead.
 */
export function secretReader(secretsDirs: readonly string[]): ReadSecret {
  const outside = `secrets are read from ${secretsDirs.join(', ')} only; put the file there, or name its folder in secrets_dirs`;
  return async (written) => {
    if (!isAbsolute(written) || written.includes('\0')) return no('its path is not an absolute one');
    if (written.split('/').includes('..')) return no("its path holds '..'");
    const path = normalize(written);
    const real = await resolvePath(path);
    const folders = (await Promise.all(secretsDirs.map(resolvePath))).filter((folder) => folder !== null);
    if (real !== null && folders.some((folder) => isUnder(real, folder))) return readReal(real);
    const lexically = [...secretsDirs, ...folders].some((folder) => isUnder(path, folder));
    return no(real === null && lexically ? 'there is no such file' : outside);
  };
}

async function resolvePath(path: string): Promise<string | null> {
  return realpath(path).catch(() => null);
}

function isUnder(path: string, folder: string): boolean {
  return path.startsWith(folder.endsWith(sep) ? folder : `${folder}${sep}`);
}

async function readReal(path: string): Promise<SecretReading> {
  let handle: FileHandle | null = null;
  try {
    // O_NONBLOCK: opening a FIFO must not wait for a writer.
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
    return await readHandle(handle);
  } catch (error) {
    return no(`the system says ${errorCode(error)}`);
  } finally {
    await handle?.close();
  }
}

async function readHandle(handle: FileHandle): Promise<SecretReading> {
  if (!(await handle.stat()).isFile()) return no('it is no regular file');
  const bytes = await readUpTo(handle, MAX_SECRET_BYTES + 1);
  if (bytes.length > MAX_SECRET_BYTES) return no(`it is larger than ${MAX_SECRET_BYTES / 1024} KiB`);
  return decode(bytes);
}

function decode(bytes: Uint8Array): SecretReading {
  if (bytes.includes(0)) return no('it holds a NUL byte');
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    return { ok: true, text: text.replace(/\r?\n$/, '') };
  } catch {
    return no('it is not UTF-8');
  }
}

function no(reason: string): SecretReading {
  return { ok: false, reason };
}
