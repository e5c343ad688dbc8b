import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';

/** A process as the kernel shows it in /proc/PID/stat. `start` tells it from a later one of the same pid. */
export interface ProcessEntry {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  /** Clock ticks since boot. */
  readonly start: number;
  /** Dead, and only waiting for its parent to notice. */
  readonly zombie: boolean;
}

/** Reading one entry takes about 10 µs; after so many the event loop gets its turn. */
const ENTRIES_A_TURN = 200;

/** All processes that /proc shows; empty where there is no /proc (macOS). */
export async function readProcessTable(): Promise<Map<number, ProcessEntry>> {
  const table = new Map<number, ProcessEntry>();
  let read = 0;
  for (const name of listProc()) {
    if (!/^\d+$/.test(name)) continue;
    if (++read % ENTRIES_A_TURN === 0) await nextTurn();
    const entry = readProcess(Number(name));
    if (entry) table.set(entry.pid, entry);
  }
  return table;
}

export function readProcess(pid: number): ProcessEntry | null {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return null; // gone, or no /proc
  }
}

/** Reads /proc/PID/stat (proc_pid_stat(5)): the name in parentheses may hold spaces and parentheses itself. */
export function parseStat(stat: string): ProcessEntry | null {
  const nameEnd = stat.lastIndexOf(')');
  const pid = Number.parseInt(stat, 10);
  const fields = stat.slice(nameEnd + 2).split(' ');
  const [state, parent, group, session] = fields;
  const start = fields[19];
  if (nameEnd < 0 || !Number.isInteger(pid) || start === undefined) return null;
  return {
    pid,
    parent: Number(parent),
    group: Number(group),
    session: Number(session),
    start: Number(start),
    zombie: state === 'Z' || state === 'X',
  };
}

/** The living descendants of `root`, and the living members of its process group and session; never itself. */
export function familyOf(root: number, table: ReadonlyMap<number, ProcessEntry>): ProcessEntry[] {
  const within = new Map<number, boolean>([[root, true]]);
  const family: ProcessEntry[] = [];
  for (const entry of table.values()) {
    if (entry.pid === root || entry.zombie) continue;
    if (entry.group === root || entry.session === root || descends(entry.pid, table, within)) {
      family.push(entry);
    }
  }
  return family;
}

/** Follows the chain of parents up to one whose answer is known, and notes the answer for the whole chain. */
function descends(
  pid: number,
  table: ReadonlyMap<number, ProcessEntry>,
  within: Map<number, boolean>,
): boolean {
  const chain: number[] = [];
  let at: number | undefined = pid;
  while (at !== undefined && at > 0 && !within.has(at)) {
    within.set(at, false); // so that a chain that changed under the reader can't go round for ever
    chain.push(at);
    at = table.get(at)?.parent;
  }
  const answer = at !== undefined && within.get(at) === true;
  for (const member of chain) within.set(member, answer);
  return answer;
}

/**
 * Whether a process stands in a folder, or was executed with that folder in its environment. With a name that
 * nobody else can know, that tells whose it is even after its parents have gone.
 */
export function knowsFolder(pid: number, folder: string): boolean {
  try {
    const cwd = readlinkSync(`/proc/${pid}/cwd`);
    return (
      cwd === folder || cwd.startsWith(`${folder}/`) || readFileSync(`/proc/${pid}/environ`).includes(folder)
    );
  } catch {
    return false; // gone, or another user's
  }
}

function listProc(): string[] {
  try {
    return readdirSync('/proc');
  } catch {
    return [];
  }
}

/** Resident memory of a process, KiB; null when it is gone or there is no /proc. */
export function residentKb(pid: number): number | null {
  try {
    const kb = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
    return kb === undefined ? null : Number(kb);
  } catch {
    return null;
  }
}
