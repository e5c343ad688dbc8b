import { onAbort } from './on-abort.ts';

interface Waiter {
  readonly patienceMs: number;
  readonly answer: (waitMs: number) => void;
}

/** Those who wait for their turn, in the order of asking: each is let go with 0, or sent away with the wait. */
export class WaitList {
  readonly #waiters: Waiter[] = [];

  get length(): number {
    return this.#waiters.length;
  }

  /** Rejects with the signal's reason when that fires; `onLeave` is told. */
  wait(signal: AbortSignal, patienceMs: number, onLeave: () => void = () => undefined): Promise<number> {
    return new Promise((resolve, reject) => {
      const answer = (waitMs: number) => {
        forget();
        resolve(waitMs);
      };
      const waiter: Waiter = { patienceMs, answer };
      const forget = onAbort(signal, () => {
        this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
        onLeave();
        reject(signal.reason);
      });
      this.#waiters.push(waiter);
    });
  }

  /** Lets the first one go. */
  letGo(): void {
    this.#waiters.shift()?.answer(0);
  }

  /** Those whose patience is shorter than the wait leave with it. */
  sendAway(waitMs: number): void {
    const leaving = this.#waiters.filter(({ patienceMs }) => patienceMs < waitMs);
    const staying = this.#waiters.filter(({ patienceMs }) => patienceMs >= waitMs);
    this.#waiters.splice(0, this.#waiters.length, ...staying);
    for (const { answer } of leaving) answer(waitMs);
  }
}
