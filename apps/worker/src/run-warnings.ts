import type { RunWarning } from '@pythond/jobs';

const MOST = 50;

/** A run's warnings: the first message of each code, and how often it came. */
export class RunWarnings {
  readonly #byCode = new Map<string, { message: string; count: number }>();

  add(code: string, message: string, count = 1): void {
    const known = this.#byCode.get(code);
    if (known) known.count += count;
    else if (this.#byCode.size < MOST) this.#byCode.set(code, { message, count });
  }

  list(): RunWarning[] {
    return [...this.#byCode].map(([code, { message, count }]) => ({ code, message, count }));
  }
}
