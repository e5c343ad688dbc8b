import { fullJitter } from '@pythond/lifecycle';
import { HostDiedError, HostUnavailableError } from './errors.ts';
import type { HostDeath } from './host-death.ts';

const BASE_MS = 500;
const CAP_MS = 30_000;
/** A host that was up for so long has shown that it can; its death counts as a first one. */
const PROVEN_MS = 60_000;
const MAX_KEYS = 10_000;

interface Failures {
  readonly count: number;
  readonly untilMs: number;
  readonly death: HostDeath;
}

/** When a host of each key may be started again after one died: full jitter, 0.5 s doubling up to 30 s. */
export class HostFailures {
  readonly #byKey = new Map<string, Failures>();
  readonly #random: () => number;
  readonly #now: () => number;

  constructor(random: () => number, now: () => number = () => performance.now()) {
    this.#random = random;
    this.#now = now;
  }

  /** A host of this key died without being asked to, `upMs` after it had become ready. */
  note(key: string, death: HostDeath, upMs: number): void {
    const count = upMs > PROVEN_MS ? 1 : (this.#byKey.get(key)?.count ?? 0) + 1;
    const waitMs = fullJitter({ baseMs: BASE_MS, capMs: CAP_MS, attempt: count, random: this.#random });
    this.#byKey.delete(key); // so that the map stays ordered by the last failure
    this.#byKey.set(key, { count, untilMs: this.#now() + waitMs, death });
    const oldest = this.#byKey.keys().next().value;
    if (this.#byKey.size > MAX_KEYS && oldest !== undefined) this.#byKey.delete(oldest);
  }

  /** Milliseconds until the next start; 0 when it may be now. */
  waitMs(key: string): number {
    const failures = this.#byKey.get(key);
    return failures ? Math.max(0, failures.untilMs - this.#now()) : 0;
  }

  errorFor(key: string): HostUnavailableError | null {
    const failures = this.#byKey.get(key);
    if (!failures) return null;
    return new HostUnavailableError(this.waitMs(key), failures.count, new HostDiedError(failures.death));
  }
}
