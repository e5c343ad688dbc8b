import { readFileSync } from 'node:fs';

/** Memory as the kernel shows it to everyone, KiB. */
interface Resident {
  readonly allKb: number;
  /** Its own, and what it shares with the process it was forked from until either writes to it. */
  readonly anonymousKb: number;
}

/**
 * What some processes use together, KiB, as far as it matters: exact only when they may be over `limitKb`.
 *
 * Resident sizes count what is shared once for each process, so they are never too small: as long as they fit the limit,
 * nothing else is asked. Beyond it the proportional size decides (proc_pid_smaps(5)), which the kernel shows only to
 * the processes' own user or with CAP_SYS_PTRACE. Without it, what a fork may share with its `forkedFrom` is taken off:
 * at most half of the process, so that nobody hides more than that. What a fork shares meanwhile is counted twice when one
 * was read before it and the other after: what is over the limit is read again, and has to be over it twice.
 */
export function memoryKb(pids: readonly number[], limitKb: number, forkedFrom: number): number {
  const onceKb = readKb(pids, limitKb, forkedFrom);
  return onceKb <= limitKb ? onceKb : Math.min(onceKb, readKb(pids, limitKb, forkedFrom));
}

function readKb(pids: readonly number[], limitKb: number, forkedFrom: number): number {
  const sizes = pids.map((pid) => ({ pid, resident: residentOf(pid) }));
  const roughKb = sizes.reduce((sum, { resident }) => sum + resident.allKb, 0);
  if (roughKb <= limitKb) return roughKb;
  const sharedKb = residentOf(forkedFrom).anonymousKb;
  return sizes.reduce(
    (sum, { pid, resident }) => sum + (proportionalKb(pid) ?? estimate(resident, sharedKb)),
    0,
  );
}

function estimate({ anonymousKb }: Resident, sharedKb: number): number {
  return anonymousKb - Math.min(sharedKb, anonymousKb / 2);
}

function residentOf(pid: number): Resident {
  const status = read(`/proc/${pid}/status`);
  return {
    allKb: field(status, /^VmRSS:\s+(\d+)/m),
    anonymousKb: field(status, /^RssAnon:\s+(\d+)/m) + field(status, /^RssShmem:\s+(\d+)/m),
  };
}

function proportionalKb(pid: number): number | null {
  const rollup = read(`/proc/${pid}/smaps_rollup`);
  return rollup === '' ? null : field(rollup, /^Pss:\s+(\d+)/m);
}

function field(text: string, pattern: RegExp): number {
  return Number(pattern.exec(text)?.[1] ?? 0);
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return ''; // gone, or not ours to see
  }
}
