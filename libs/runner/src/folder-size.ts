import { lstatSync, readdirSync, readlinkSync, type Stats, statSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';

/** What an entry takes besides its content: a million empty files are no small folder. */
const ENTRY_BYTES = 4_096;
const BLOCK_BYTES = 512;
const ENTRIES_A_TURN = 200;

/** What processes wrote below a folder, as far as it has been counted. */
export interface Occupied {
  readonly bytes: number;
  /** It may hold more than can be counted: a folder that nobody may look into, or that lies too deep. */
  readonly hidden: boolean;
}

/**
 * Counts what a folder takes on the disk; stops as soon as that is more than `enoughBytes`. Links are not followed, and
 * entries of the folder itself that are in `except` not counted.
 */
export async function folderSize(
  folder: string,
  enoughBytes: number,
  except: ReadonlySet<string> = new Set(),
): Promise<Occupied> {
  const linked = new Set<number>();
  const open = [folder];
  let bytes = 0;
  let hidden = false;
  let looked = 0;
  for (let next = open.pop(); next !== undefined && bytes <= enoughBytes; next = open.pop()) {
    const names = list(next);
    hidden ||= names === null;
    for (const name of names ?? []) {
      if (next === folder && except.has(name)) continue;
      const path = join(next, name);
      const stats = look(path);
      if (stats?.isDirectory()) open.push(path);
      if (stats && isNew(stats, linked)) bytes += ENTRY_BYTES + stats.blocks * BLOCK_BYTES;
      if (bytes > enoughBytes) break;
      if (++looked % ENTRIES_A_TURN === 0) await nextTurn();
    }
  }
  return { bytes, hidden };
}

/** What a process holds open below a folder though it has no name there any more. */
export function deletedSize(pid: number, folder: string): number {
  const counted = new Set<number>();
  let bytes = 0;
  for (const name of list(`/proc/${pid}/fd`) ?? []) {
    const path = `/proc/${pid}/fd/${name}`;
    if (!isDeletedBelow(path, folder)) continue;
    const stats = lookThrough(path);
    if (stats && !counted.has(stats.ino)) bytes += stats.blocks * BLOCK_BYTES;
    if (stats) counted.add(stats.ino);
  }
  return bytes;
}

function isDeletedBelow(path: string, folder: string): boolean {
  try {
    const target = readlinkSync(path);
    return target.startsWith(`${folder}/`) && target.endsWith(' (deleted)');
  } catch {
    return false; // closed
  }
}

/** Null: there is a folder, and it can't be listed. */
function list(folder: string): string[] | null {
  try {
    return readdirSync(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' || code === 'ENOTDIR' ? [] : null;
  }
}

function look(path: string): Stats | null {
  try {
    return lstatSync(path);
  } catch {
    return null; // deleted meanwhile
  }
}

function lookThrough(path: string): Stats | null {
  try {
    return statSync(path);
  } catch {
    return null;
  }
}

function isNew({ ino, nlink }: Stats, linked: Set<number>): boolean {
  if (nlink < 2) return true;
  if (linked.has(ino)) return false;
  linked.add(ino);
  return true;
}
