import { pause } from '@pythond/lifecycle';
import type { Logger } from '@pythond/telemetry';

const TRIES = 3;
const PAUSE_MS = 1_000;

/** Writes the records of a resident one after the other, so that its history is in order; tried again, not for ever. */
export class RecordWriter {
  readonly #log: Logger;
  #writing: Promise<void> = Promise.resolve();

  constructor(log: Logger) {
    this.#log = log;
  }

  /** `write` may be called again: its answer may have been lost. */
  add(write: () => Promise<unknown>): void {
    this.#writing = this.#writing.then(() => this.#try(write));
  }

  /** Resolves when all that was added is written or given up, or after `mostMs`. */
  async settled(mostMs: number): Promise<void> {
    const written = new AbortController();
    void this.#writing.then(() => written.abort());
    await pause(mostMs, written.signal);
  }

  async #try(write: () => Promise<unknown>): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      try {
        await write();
        return;
      } catch (error) {
        this.#log.warn({ err: error, tries }, 'the record of a resident');
        if (tries === TRIES) return;
        await pause(PAUSE_MS);
      }
    }
  }
}
