import type { InputDefinition } from '@pythond/jobs';

type Wish = Pick<InputDefinition, 'key' | 'pool' | 'cmd'>;

/**
 * The `cmd`s that inputs name, for each pool: those of the blocks, and those of versions that run though the block says
 * something else by now (an earlier one that was rolled back to, say).
 */
export class WantedCmds {
  #ofFiles: readonly Wish[] = [];
  readonly #ofVersions = new Map<string, Wish>();
  #told = '';

  /** `unread`: keys of inputs whose blocks can't be read now, and whose versions stay. */
  ofFiles(definitions: readonly Wish[], unread: Iterable<string>): void {
    this.#ofFiles = definitions;
    const known = new Set([...definitions.map(({ key }) => key), ...unread]);
    for (const key of this.#ofVersions.keys()) if (!known.has(key)) this.#ofVersions.delete(key);
  }

  /** The newest version of an input. */
  ofVersion({ key, pool, cmd }: Wish): void {
    this.#ofVersions.set(key, { key, pool, cmd });
  }

  /** All of them, by pool; null when that was given before. */
  news(): ReadonlyMap<string, readonly string[]> | null {
    const pools = new Map<string, Set<string>>();
    for (const { pool, cmd } of [...this.#ofFiles, ...this.#ofVersions.values()]) {
      const cmds = pools.get(pool) ?? new Set();
      pools.set(pool, cmds.add(cmd));
    }
    const sorted = [...pools].map(([pool, cmds]) => [pool, [...cmds].sort()] as const);
    const all = new Map(sorted.sort(([a], [b]) => (a < b ? -1 : 1)));
    const text = JSON.stringify([...all]);
    if (text === this.#told) return null;
    this.#told = text;
    return all;
  }

  /** What was given is lost. */
  forget(): void {
    this.#told = '';
  }
}
