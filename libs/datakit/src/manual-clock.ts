import type { Clock } from './clock.ts';

interface Alarm {
  readonly atMs: number;
  readonly run: () => void;
}

/** A clock for tests: time passes only in `advance`, which runs what falls due, in order. */
export class ManualClock implements Clock {
  #nowMs = 1_700_000_000_000;
  readonly #alarms = new Set<Alarm>();

  now(): number {
    return this.#nowMs;
  }

  after(delayMs: number, run: () => void): () => void {
    const alarm = { atMs: this.#nowMs + Math.max(0, delayMs), run };
    this.#alarms.add(alarm);
    return () => this.#alarms.delete(alarm);
  }

  /** How many alarms wait. */
  get pending(): number {
    return this.#alarms.size;
  }

  /** Lets time pass, and lets promises settle after each alarm. */
  async advance(byMs: number): Promise<void> {
    const endMs = this.#nowMs + byMs;
    await settle();
    for (let next = this.#next(endMs); next; next = this.#next(endMs)) {
      this.#alarms.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.run();
      await settle();
    }
    this.#nowMs = endMs;
  }

  #next(endMs: number): Alarm | undefined {
    let first: Alarm | undefined;
    for (const alarm of this.#alarms)
      if (alarm.atMs <= endMs && (!first || alarm.atMs < first.atMs)) first = alarm;
    return first;
  }
}

/** Lets every promise that can settle now settle. */
async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
