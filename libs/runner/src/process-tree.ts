import { setTimeout as delay } from 'node:timers/promises';
import { familyOf, knowsFolder, type ProcessEntry, readProcess, readProcessTable } from './process-table.ts';

const ROUND_PAUSE_MS = 10;
const ROUNDS_DEADLINE_MS = 5_000;
const TABLE_MAX_AGE_MS = 2_000;

type Table = ReadonlyMap<number, ProcessEntry>;
let recent: { readonly atMs: number; readonly table: Promise<Table> } | null = null;

/** The process table of a moment ago: hosts that look at their families at about the same time share a reading. */
function recentTable(): Promise<Table> {
  const now = performance.now();
  if (!recent || now - recent.atMs > TABLE_MAX_AGE_MS) recent = { atMs: now, table: readProcessTable() };
  return recent.table;
}

/**
 * One process that we started as the leader of a session of its own, with everything below it.
 *
 * Which processes belong to it is taken from the kernel alone, never from what a process says about itself: chains
 * of parents, process group, session, and who stands in, or was executed with, the private `folder` of the root. The
 * latter find orphans whose parents are gone; {@link remember} helps with those that hide from it.
 */
export class ProcessTree {
  readonly #root: number;
  readonly #folder: string | null;
  #known: readonly ProcessEntry[] = [];

  constructor(root: number, folder: string | null) {
    this.#root = root;
    this.#folder = folder;
  }

  /** Notes who is in the family now, or was a moment ago. */
  async remember(): Promise<void> {
    this.#known = familyOf(this.#root, await recentTable());
  }

  /**
   * Kills everything, and the root last. The root is stopped first: it starts nothing new, but stays where orphans
   * below it arrive, so that the next round finds them. `rootAlive` must be exact (false once it is reaped), since
   * its pid may be someone else's afterwards.
   */
  async kill(rootAlive: () => boolean): Promise<void> {
    if (rootAlive()) signal(this.#root, 'SIGSTOP');
    const deadline = performance.now() + ROUNDS_DEADLINE_MS;
    while ((await this.#killRound(rootAlive())) && performance.now() < deadline) await delay(ROUND_PAUSE_MS);
    if (!rootAlive()) return;
    signal(-this.#root, 'SIGKILL');
    signal(this.#root, 'SIGKILL');
  }

  /** Returns whether there was anyone. */
  async #killRound(rootAlive: boolean): Promise<boolean> {
    const table = await readProcessTable();
    const found = new Map<number, ProcessEntry>();
    // While a group or session has members its number is nobody else's pid.
    if (rootAlive || !table.has(this.#root)) collect(found, familyOf(this.#root, table));
    collect(found, this.#strays(table));
    for (const known of this.#known) {
      const now = table.get(known.pid);
      if (now?.start !== known.start) continue;
      if (!now.zombie) found.set(now.pid, now);
      collect(found, familyOf(now.pid, table));
    }
    this.#known = [...found.values()];
    for (const entry of this.#known) killExactly(entry);
    return this.#known.length > 0;
  }

  #strays(table: Table): ProcessEntry[] {
    const folder = this.#folder;
    if (folder === null) return [];
    return [...table.values()].filter(
      ({ pid, zombie }) => !zombie && pid !== this.#root && pid !== process.pid && knowsFolder(pid, folder),
    );
  }
}

function collect(into: Map<number, ProcessEntry>, entries: readonly ProcessEntry[]): void {
  for (const entry of entries) into.set(entry.pid, entry);
}

/** Looks once more that the pid is still the same process: the table may be some milliseconds old. */
function killExactly(entry: ProcessEntry): void {
  if (readProcess(entry.pid)?.start === entry.start) signal(entry.pid, 'SIGKILL');
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // gone already, or not ours to signal: the next round sees which
  }
}
