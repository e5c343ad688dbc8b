import type { Cause } from './cause.ts';
import type { Clock } from './clock.ts';

export type HealthState =
  | { readonly kind: 'closed' }
  | { readonly kind: 'open'; readonly sinceMs: number; readonly untilMs: number; readonly cause: Cause }
  | { readonly kind: 'half-open'; readonly sinceMs: number; readonly cause: Cause };

/**
 * One endpoint's circuit. closed: requests go; `failures` failures in a row, or one that leaves no doubt, open it.
 * open: nothing goes until `untilMs`. half-open: entered by the first request after that, which is the trial; nothing
 * else goes until it is reported. A trial that succeeds closes the circuit, one that fails opens it for longer, one
 * that told nothing leaves it half-open for the next. `sinceMs` is when the trouble began, over all of its states.
 * A success reported in open (of a request sent before) changes nothing: the endpoint has failed since.
 */
export class Circuit {
  state: HealthState = { kind: 'closed' };
  #failures = 0;
  /** How often it was opened since it was last closed. */
  #openings = 0;
  #trialRunning = false;
  readonly #maxFailures: number;
  readonly #openForMs: (attempt: number) => number;
  readonly #clock: Clock;

  constructor(maxFailures: number, openForMs: (attempt: number) => number, clock: Clock) {
    this.#maxFailures = maxFailures;
    this.#openForMs = openForMs;
    this.#clock = clock;
  }

  /** Nothing to remember. */
  get healthy(): boolean {
    return this.state.kind === 'closed' && this.#failures === 0;
  }

  /** 0: a request may go now. `trialMs`: when to ask again while another's trial runs. */
  waitMs(trialMs: number): number {
    if (this.state.kind === 'closed') return 0;
    if (this.state.kind === 'half-open') return this.#trialRunning ? trialMs : 0;
    return Math.max(0, this.state.untilMs - this.#clock.now());
  }

  /** The request that goes now is the trial. */
  claimTrial(): void {
    this.#trialRunning = true;
    if (this.state.kind === 'open') {
      this.state = { kind: 'half-open', sinceMs: this.state.sinceMs, cause: this.state.cause };
    }
  }

  succeeded(): void {
    if (this.state.kind === 'open') return;
    this.#failures = 0;
    this.#openings = 0;
    this.#trialRunning = false;
    if (this.state.kind === 'half-open') this.state = { kind: 'closed' };
  }

  failed(cause: Cause, atOnce: boolean): void {
    if (this.state.kind === 'open') return;
    this.#failures++;
    if (this.state.kind === 'closed' && !atOnce && this.#failures < this.#maxFailures) return;
    const now = this.#clock.now();
    const sinceMs = this.state.kind === 'closed' ? now : this.state.sinceMs;
    this.#trialRunning = false;
    this.state = { kind: 'open', sinceMs, untilMs: now + this.#openForMs(this.#openings++), cause };
  }

  released(): void {
    this.#trialRunning = false;
  }
}
