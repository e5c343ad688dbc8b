import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { eventually } from './eventually.ts';

/** A process; `started` tells it from a later one of the same number. */
export interface KnownProcess {
  readonly pid: number;
  readonly parent: number;
  readonly started: string;
  readonly name: string;
}

/** A process and everything below it, as long as it lives. */
export function treeOf(root: number): KnownProcess[] {
  const table = processTable();
  const tree = table.filter(({ pid }) => pid === root);
  for (const { pid } of tree) tree.push(...table.filter(({ parent }) => parent === pid)); // grows while it is walked
  return tree;
}

/** Which of these still live. */
export function living(known: readonly Pick<KnownProcess, 'pid' | 'started'>[]): KnownProcess[] {
  const now = new Map(processTable().map((entry) => [entry.pid, entry]));
  return known.flatMap(({ pid, started }) => {
    const entry = now.get(pid);
    return entry && entry.started === started ? [entry] : [];
  });
}

/** One process by its number; undefined when it is gone. */
export function findProcess(pid: number): KnownProcess | undefined {
  return processTable().find((entry) => entry.pid === pid);
}

/** Whether this process of ours still lives. */
export function isAlive(pid: number): boolean {
  return findProcess(pid) !== undefined;
}

/** Resolves when none of them lives any more. */
export async function untilGone(known: readonly Pick<KnownProcess, 'pid' | 'started'>[]): Promise<void> {
  await eventually('the processes to be gone', () => {
    const left = living(known);
    if (left.length === 0) return true;
    throw new Error(left.map(({ pid, name }) => `${pid} (${name})`).join(', '));
  });
}

/** For the end of a test that failed: whatever is left of what it started. */
export function killAll(known: readonly Pick<KnownProcess, 'pid' | 'started'>[]): void {
  for (const { pid } of living(known)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // gone since
    }
  }
}

/** All processes that live; those that have ended and wait for their parent to notice do not. */
function processTable(): KnownProcess[] {
  return process.platform === 'linux' ? fromProc() : fromPs();
}

function fromProc(): KnownProcess[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const stat = readStat(name);
      // the name stands in parentheses and may hold spaces and parentheses itself
      const [, command = '', rest = ''] = /^\d+ \((.*)\) (.*)$/s.exec(stat) ?? [];
      const fields = rest.split(' ');
      if (stat === '' || fields[0] === 'Z' || fields[0] === 'X') return [];
      return [{ pid: Number(name), parent: Number(fields[1]), started: fields[19] ?? '', name: command }];
    });
}

function readStat(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return ''; // gone since the folder was listed
  }
}

function fromPs(): KnownProcess[] {
  const text = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,stat=,lstart=,comm='], { encoding: 'utf8' });
  return text.split('\n').flatMap((line) => {
    const [, pid, parent, state, started, name] =
      /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(\w+ +\w+ +\d+ +[\d:]+ +\d+)\s+(.*)$/.exec(line) ?? [];
    if (!pid || !parent || state?.startsWith('Z')) return [];
    return [{ pid: Number(pid), parent: Number(parent), started: started ?? '', name: name ?? '' }];
  });
}
