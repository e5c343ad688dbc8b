import type { ConfinementLimits } from '@pythond/sandbox';
import { deletedSize, folderSize, type Occupied } from './folder-size.ts';
import { familyBelow, type Member, readMember } from './process-family.ts';
import { memoryKb } from './process-memory.ts';

/** What is measured here, and has a limit. */
export type Exceeded = 'memory' | 'tmp' | 'cpu' | 'processes';

/** A run as far as its use is watched. */
export interface WatchedRun {
  /** As its host says: it is believed only when the kernel shows a child of the host by that number. */
  readonly pid: number;
  /** Below the host's `tmpRoot`, as the host says; null: it did not. */
  readonly folder: string | null;
  /** On the clock of performance.now(). */
  readonly startedMs: number;
  /** It used more than it may: it is to be killed. */
  exceed(what: Exceeded): void;
}

export interface WatchedHost {
  readonly pid: number | null;
  readonly tmpRoot: string;
  readonly usageLimits: Pick<ConfinementLimits, 'memoryBytes' | 'tmpBytes' | 'cpuMs' | 'processes'>;
  /** It is looked at no more often: what stays for long need not be looked at as often as what may be over soon. */
  readonly restMs: number;
  /** Whether user code may be running: imports, or runs. */
  readonly isBusy: boolean;
  watchedRuns(): WatchedRun[];
  /** What is not any run's exceeds what one run may have: the host is to be killed. */
  exceed(what: Exceeded): void;
}

export interface UsageWatchOptions {
  readonly everyMs?: number | undefined;
  /** Runs younger than this are left alone: nearly all are over by then, and cost nothing here. */
  readonly ageMs?: number | undefined;
  /** How often hosts without runs are looked at. */
  readonly idleEveryMs?: number | undefined;
}

const KIB = 1024;
/** Looking takes at most a tenth of the time. */
const REST_FACTOR = 9;
/** What runs that are over left in their folders is deleted a little at a time: so many of them may lie there. */
const LEFT_BEHIND = 4;

/**
 * Measures what runs use, and has those killed that use more than they may: number, memory and processor time of all
 * their processes, and the size of their temporary folders. Everything is taken from the kernel, nothing from what a host
 * says: what can't be told to belong to a run counts as the host's own, which has the same limits.
 *
 * One for all hosts of a worker. It is *resting* while it has no host, else looks round and round.
 */
export class UsageWatch {
  readonly #hosts = new Map<WatchedHost, number>();
  readonly #everyMs: number;
  readonly #ageMs: number;
  readonly #idleEveryMs: number;
  #timer: NodeJS.Timeout | null = null;

  constructor({ everyMs = 250, ageMs = 200, idleEveryMs = 5_000 }: UsageWatchOptions = {}) {
    this.#everyMs = everyMs;
    this.#ageMs = ageMs;
    this.#idleEveryMs = idleEveryMs;
  }

  add(host: WatchedHost): void {
    this.#hosts.set(host, performance.now());
    this.#timer ??= this.#lookIn(this.#everyMs);
  }

  remove(host: WatchedHost): void {
    this.#hosts.delete(host);
    if (this.#hosts.size > 0 || !this.#timer) return;
    clearTimeout(this.#timer);
    this.#timer = null;
  }

  /** One round; resolves when every host that is due was looked at. */
  async look(): Promise<void> {
    const now = performance.now();
    for (const [host, lookedMs] of [...this.#hosts]) {
      if (!this.#hosts.has(host) || !this.#isDue(host, lookedMs, now)) continue;
      this.#hosts.set(host, now);
      await lookAt(host);
    }
  }

  #lookIn(ms: number): NodeJS.Timeout {
    return setTimeout(() => void this.#round(), ms).unref();
  }

  async #round(): Promise<void> {
    const startedMs = performance.now();
    await this.look();
    const tookMs = performance.now() - startedMs;
    this.#timer = this.#hosts.size > 0 ? this.#lookIn(Math.max(this.#everyMs, REST_FACTOR * tookMs)) : null;
  }

  #isDue(host: WatchedHost, lookedMs: number, now: number): boolean {
    if (now - lookedMs < host.restMs) return false;
    if (now - lookedMs >= this.#idleEveryMs) return true;
    const runs = host.watchedRuns();
    if (runs.length === 0) return host.isBusy;
    return runs.some(({ startedMs }) => now - startedMs >= this.#ageMs);
  }
}

async function lookAt(host: WatchedHost): Promise<void> {
  const { pid, usageLimits: limits } = host;
  if (pid === null) return;
  const itself = readMember(pid, pid);
  const family = await familyBelow(pid);
  const shares = share(itself ? [itself, ...family] : family, host.watchedRuns());
  const memoryLimitKb = limits.memoryBytes / KIB;
  const isFull = (pids: readonly number[]) => memoryKb(pids, memoryLimitKb, pid) > memoryLimitKb;
  for (const [run, members] of shares.byRun) {
    const cpuMs = members.reduce((sum, member) => sum + member.cpuMs, 0);
    if (isFull(members.map((member) => member.pid))) run.exceed('memory');
    else if (limits.cpuMs !== null && cpuMs > limits.cpuMs) run.exceed('cpu');
    else if (threadsOf(members) > limits.processes) run.exceed('processes');
  }
  if (isFull(shares.rest.map((member) => member.pid))) host.exceed('memory');
  else if (threadsOf(shares.rest) > limits.processes) host.exceed('processes');
  await lookAtFolders(host, shares);
}

function threadsOf(members: readonly Member[]): number {
  return members.reduce((sum, { threads }) => sum + threads, 0);
}

interface Shares {
  readonly byRun: ReadonlyMap<WatchedRun, Member[]>;
  readonly rest: readonly Member[];
}

/** Whose each process is: its run's by descent, an orphan its run's by its session, which runs can't leave. */
function share(family: readonly Member[], runs: readonly WatchedRun[]): Shares {
  const known = new Map(runs.map((run) => [run.pid, run]));
  const byRun = new Map<WatchedRun, Member[]>(runs.map((run) => [run, []]));
  const rest: Member[] = [];
  for (const member of family) {
    const run = known.get(member.branch) ?? known.get(member.session);
    if (run) byRun.get(run)?.push(member);
    else rest.push(member);
  }
  return { byRun, rest };
}

async function lookAtFolders(host: WatchedHost, { byRun, rest }: Shares): Promise<void> {
  const { tmpRoot, usageLimits } = host;
  const { tmpBytes } = usageLimits;
  const named = new Set<string>();
  for (const [run, members] of byRun) {
    if (run.folder !== null) named.add(run.folder);
    const folder = run.folder === null ? nothing : await folderSize(`${tmpRoot}/${run.folder}`, tmpBytes);
    if (isOver(folder, members, tmpRoot, tmpBytes)) run.exceed('tmp');
  }
  const leftBytes = LEFT_BEHIND * tmpBytes;
  const left = await folderSize(tmpRoot, leftBytes, named);
  if (isOver(left, rest, tmpRoot, leftBytes)) host.exceed('tmp');
}

const nothing: Occupied = { bytes: 0, hidden: false };

function isOver(
  { bytes, hidden }: Occupied,
  members: readonly Member[],
  tmpRoot: string,
  limitBytes: number,
): boolean {
  return hidden || members.reduce((sum, { pid }) => sum + deletedSize(pid, tmpRoot), bytes) > limitBytes;
}
