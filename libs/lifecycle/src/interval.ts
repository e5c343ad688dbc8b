/**
 * Runs a task again and again with a pause between its end and its next start, so that it never overlaps itself.
 * A task that throws is reported and goes on.
 */
export class Recurring {
  readonly #task: (signal: AbortSignal) => Promise<void>;
  readonly #everyMs: number;
  readonly #onError: (error: unknown) => void;
  readonly #stopping = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #current: Promise<void> = Promise.resolve();

  constructor(
    task: (signal: AbortSignal) => Promise<void>,
    everyMs: number,
    onError: (error: unknown) => void,
  ) {
    this.#task = task;
    this.#everyMs = everyMs;
    this.#onError = onError;
  }

  start(): void {
    this.#timer = setTimeout(() => this.#fire(), this.#everyMs);
  }

  #fire(): void {
    this.#current = this.#task(this.#stopping.signal)
      .catch(this.#onError)
      .then(() => {
        if (!this.#stopping.signal.aborted) this.start();
      });
  }

  /** Resolves when the task that runs now, if any, has ended. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    clearTimeout(this.#timer);
    await this.#current;
  }
}
