import { readdirSync, readFileSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { parseStat, readProcessTable } from './process-table.ts';

/** A process below a host. */
export interface Member {
  readonly pid: number;
  /** The child of the host that it descends from; itself when it is one. */
  readonly branch: number;
  readonly session: number;
  readonly threads: number;
  /** Its own processor time and that of the children it has waited for. */
  readonly cpuMs: number;
}

/** Reading one process takes about 30 µs; after so many the event loop gets its turn. */
const MEMBERS_A_TURN = 100;
/** `USER_HZ`, in which the kernel tells times to programs: 100 on every Linux (time(7)). */
const TICK_MS = 10;
const UTIME = 11;
const TIMES = 4;
const THREADS = 17;

/**
 * All processes below `root`, dead ones that nobody has waited for included. It goes down from parent to child, and so
 * costs what there is below the root, not what there is on the machine. A process that loses its parent meanwhile
 * may be missed: the next look finds it, below the root, which is where orphans of a host go.
 */
export async function familyBelow(root: number): Promise<Member[]> {
  const childrenOf = await childFinder(root);
  const members: Member[] = [];
  const seen = new Set([root]);
  const open = childrenOf(root).map((pid) => ({ pid, branch: pid }));
  for (let next = open.pop(); next; next = open.pop()) {
    if (seen.has(next.pid)) continue;
    seen.add(next.pid);
    const { branch, pid } = next;
    const found = readMember(pid, branch);
    if (found) members.push(found);
    for (const child of childrenOf(pid)) open.push({ pid: child, branch });
    if (members.length % MEMBERS_A_TURN === MEMBERS_A_TURN - 1) await nextTurn();
  }
  return members;
}

/** A process as a member of its own family. */
export function readMember(pid: number, branch: number): Member | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const session = parseStat(stat)?.session;
    if (session === undefined) return null;
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const ticks = fields.slice(UTIME, UTIME + TIMES).reduce((sum, field) => sum + Number(field), 0);
    return { pid, branch, session, threads: Number(fields[THREADS] ?? 1), cpuMs: ticks * TICK_MS };
  } catch {
    return null; // gone
  }
}

type ChildFinder = (pid: number) => number[];

/** Kernels without CONFIG_PROC_CHILDREN tell only from child to parent: then the whole table is read. */
async function childFinder(root: number): Promise<ChildFinder> {
  if (readChildren(root, root) !== null) return listChildren;
  const byParent = new Map<number, number[]>();
  for (const { pid, parent } of (await readProcessTable()).values()) {
    const siblings = byParent.get(parent);
    if (siblings) siblings.push(pid);
    else byParent.set(parent, [pid]);
  }
  return (pid) => byParent.get(pid) ?? [];
}

/** A child belongs to the thread that forked it. */
function listChildren(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((thread) => readChildren(pid, Number(thread)) ?? []);
  } catch {
    return []; // gone
  }
}

function readChildren(pid: number, thread: number): number[] | null {
  try {
    const text = readFileSync(`/proc/${pid}/task/${thread}/children`, 'latin1');
    return text.split(' ').filter(Boolean).map(Number);
  } catch {
    return null;
  }
}
