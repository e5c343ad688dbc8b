import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { BundleLimits } from './limits.ts';
import type { BundleProblem } from './problem.ts';
import { unreadable } from './root-problems.ts';
import { fileChanging, fileTooLarge, specialFile } from './walk-problems.ts';

export interface ReadFile {
  readonly content: Buffer;
  readonly executable: boolean;
}

const TRIES = 3;
/** Never waits for a pipe's other end, never follows a link that was put in a file's place since it was looked at. */
const FLAGS = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW;

/** A file's content as it was at one moment: read again when it changed meanwhile. */
export async function readStable(path: string, limits: BundleLimits): Promise<ReadFile | BundleProblem> {
  try {
    for (let tries = 0; tries < TRIES; tries += 1) {
      const read = await readOnce(path, limits);
      if (read !== 'changed') return read;
    }
    return fileChanging(path, TRIES);
  } catch (error) {
    return unreadable(path, error);
  }
}

async function readOnce(path: string, limits: BundleLimits): Promise<ReadFile | BundleProblem | 'changed'> {
  const handle = await open(path, FLAGS);
  try {
    const before = await handle.stat({ bigint: true });
    if (!before.isFile()) return specialFile(path);
    if (before.size > limits.maxFileBytes)
      return fileTooLarge(path, Number(before.size), limits.maxFileBytes);
    const content = await readFully(handle, Number(before.size));
    const after = await handle.stat({ bigint: true });
    const same =
      after.size === before.size && after.mtimeNs === before.mtimeNs && after.ctimeNs === before.ctimeNs;
    if (!same || content.length !== Number(before.size)) return 'changed';
    return { content, executable: (before.mode & 0o100n) !== 0n };
  } finally {
    await handle.close();
  }
}

async function readFully(handle: FileHandle, size: number): Promise<Buffer> {
  const content = Buffer.allocUnsafe(size);
  let length = 0;
  while (length < size) {
    const { bytesRead } = await handle.read(content, length, size - length, length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return content.subarray(0, length);
}
