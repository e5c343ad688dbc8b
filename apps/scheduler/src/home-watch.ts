import { FolderWatches } from './folder-watches.ts';

export type WatchMode = 'auto' | 'poll' | 'off';

export interface HomeWatchOptions {
  readonly home: string;
  readonly mode: WatchMode;
  /** null: {@link POLL_MS}, or {@link FAST_POLL_MS} where the file system tells nothing. */
  readonly pollIntervalMs: number | null;
  /** Something may have changed: look at all of it. Never called for each of the events of one saving. */
  readonly onChange: () => void;
  /** Why events can't be had, once; looking goes on. */
  readonly onTrouble: (message: string) => void;
}

/** How often the home is looked through although the file system tells of changes: events may be lost. */
const POLL_MS = 30_000;
const FAST_POLL_MS = 5_000;
/** Quiet for so long: the editor, the copying or the checkout is done. */
const QUIET_MS = 300;
/** Changes that never end are not waited for longer than this. */
const LONGEST_MS = 3_000;

/**
 * Tells when the home should be read again: soon after the file system said that something changed, and every so often
 * by itself. What it says is a hint, never a fact: who reads compares.
 *
 * States: idle → waiting (an event came; quiet is waited for) → idle, `onChange` having been called; stopped for good.
 */
export class HomeWatch {
  readonly #options: HomeWatchOptions;
  readonly #folders: FolderWatches | null;
  #quiet: NodeJS.Timeout | undefined;
  #poll: NodeJS.Timeout | undefined;
  #firstEventMs: number | null = null;
  #stopped = false;

  constructor(options: HomeWatchOptions) {
    const { home, mode, onTrouble } = options;
    this.#options = options;
    this.#folders =
      mode === 'auto' ? new FolderWatches({ home, onEvent: () => this.#event(), onTrouble }) : null;
  }

  /**
   * Called before everything is read: what changes from now on is told. `others` are folders and files outside of
   * the home's own that are read as well.
   */
  async cover(others: readonly string[]): Promise<void> {
    if (!this.#stopped) await this.#folders?.cover(others);
  }

  /** Called after everything was read: in a while it is to be read again. */
  rest(): void {
    clearTimeout(this.#poll);
    if (this.#stopped || this.#options.mode === 'off') return;
    const byItself = this.#folders?.isDeaf === false ? POLL_MS : FAST_POLL_MS;
    this.#poll = setTimeout(this.#options.onChange, this.#options.pollIntervalMs ?? byItself);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#quiet);
    clearTimeout(this.#poll);
    this.#folders?.stop();
  }

  #event(): void {
    if (this.#stopped) return;
    const nowMs = performance.now();
    this.#firstEventMs ??= nowMs;
    clearTimeout(this.#quiet);
    const leftMs = Math.max(0, this.#firstEventMs + LONGEST_MS - nowMs);
    this.#quiet = setTimeout(
      () => {
        this.#firstEventMs = null;
        this.#options.onChange();
      },
      Math.min(QUIET_MS, leftMs),
    );
  }
}
