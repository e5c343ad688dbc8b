import { type BigIntStats, constants } from 'node:fs';
import { lstat, open, stat } from 'node:fs/promises';
import { decodeConf, failure, type TextReading } from './decode-conf.ts';
import { errorCode, readUpTo } from './file-bytes.ts';

export const MAX_CONF_BYTES = 1024 * 1024;

type Bytes = { readonly ok: true; readonly bytes: Buffer } | (TextReading & { readonly ok: false });

/** How often a file that changes while it is read is read anew. */
const ATTEMPTS = 3;

/**
 * Reads a configuration file whatever it turns out to be. Only regular files are opened, never one that would block,
 * and never more than {@link MAX_CONF_BYTES} are read, whatever the file's size says. `concerns` decides on the raw
 * bytes whether the file is ours at all: when not, null is given and nothing else about it is judged. null is also
 * given where there is nothing, not even a link: the file may just have been removed.
 */
export async function readTextFile(
  path: string,
  concerns: (bytes: Buffer) => boolean = () => true,
): Promise<TextReading | null> {
  const reading = await readBytes(path);
  if (!reading.ok) return (await exists(path)) ? reading : null;
  return concerns(reading.bytes) ? decodeConf(reading.bytes) : null;
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    (error: unknown) => !['ENOENT', 'ENOTDIR'].includes(errorCode(error)),
  );
}

async function readBytes(path: string): Promise<Bytes> {
  try {
    const refused = refuse(await stat(path, { bigint: true }));
    if (refused !== null) return refused;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const reading = await readOnce(path);
      if (reading !== null) return reading;
    }
    return failure(
      'changing',
      'was written to while it was read',
      'replace the file in one step (write, then rename)',
    );
  } catch (error) {
    return unreadable(error);
  }
}

function refuse(stats: BigIntStats): Bytes | null {
  if (stats.isDirectory())
    return failure(
      'not-a-file',
      'is a folder behind a link, not a file',
      'remove the link, or move the folder here',
    );
  if (!stats.isFile())
    return failure('not-a-file', `is a ${kindOf(stats)}, not a regular file`, 'move it elsewhere');
  if (stats.size > BigInt(MAX_CONF_BYTES)) return tooBig();
  return null;
}

/** null: the file changed in the meantime. */
async function readOnce(path: string): Promise<Bytes | null> {
  // What `stat` saw may have been replaced since: O_NONBLOCK, and a second look at what was opened.
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    const before = await handle.stat({ bigint: true });
    const refused = refuse(before);
    if (refused !== null) return refused;
    const bytes = await readUpTo(handle, MAX_CONF_BYTES + 1);
    if (bytes.length > MAX_CONF_BYTES) return tooBig();
    const after = await handle.stat({ bigint: true });
    const same = before.size === after.size && before.mtimeNs === after.mtimeNs;
    return same ? { ok: true, bytes } : null;
  } finally {
    await handle.close();
  }
}

function kindOf(stats: BigIntStats): string {
  if (stats.isFIFO()) return 'FIFO';
  if (stats.isSocket()) return 'socket';
  return 'device';
}

function tooBig(): Bytes {
  const most = `${MAX_CONF_BYTES / 1024 / 1024} MiB`;
  return failure('too-big', `is larger than ${most} and was not read`, 'split it, or move it elsewhere');
}

function unreadable(error: unknown): Bytes {
  const code = errorCode(error);
  if (code === 'ELOOP') return failure('unreadable', 'is a link that leads in a circle', 'remove it');
  if (code === 'ENOENT') return failure('unreadable', 'is a link to what does not exist', 'remove it');
  if (code === 'EACCES' || code === 'EPERM') {
    return failure('unreadable', 'may not be read by this user', 'give it read permission');
  }
  return failure('unreadable', `can't be read: the system says ${code}`, 'move it elsewhere');
}
