import { onAbort } from './on-abort.ts';

/** A bounded number of places, handed out in the order of asking. */
export class Slots {
  #free: number;
  readonly #waiting: (() => void)[] = [];
  readonly #size: number;

  constructor(size: number) {
    this.#size = size;
    this.#free = size;
  }

  /** Whether nobody holds a place. */
  get idle(): boolean {
    return this.#free === this.#size;
  }

  /** Waits for a place; false when the signal came first. Whoever got one gives it back with `release`. */
  acquire(signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return Promise.resolve(false);
    if (this.#free > 0) {
      this.#free--;
      return Promise.resolve(true);
    }
    return new Promise((resolve) => {
      const granted = () => {
        forget();
        resolve(true);
      };
      const forget = onAbort(signal, () => {
        this.#waiting.splice(this.#waiting.indexOf(granted), 1);
        resolve(false);
      });
      this.#waiting.push(granted);
    });
  }

  release(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#free++;
  }
}
