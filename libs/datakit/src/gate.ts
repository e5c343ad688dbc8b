import { abortedCause, type Cause, type CauseCode, causeOfAnswer } from './cause.ts';
import type { EndpointHealth } from './health.ts';
import type { Verdict } from './verdict.ts';

type Held = Extract<Verdict, { kind: 'held' }>;
type Fault = Extract<Verdict, { kind: 'endpoint-fault' }>;

/** Seen once, these leave no doubt; waiting for more of them would hold up everything else for as long again. */
const TIMEOUTS: ReadonlySet<CauseCode> = new Set(['headers-timeout', 'total-timeout', 'gave-way']);

/** What an endpoint fault is called where it is told. */
export function causeOfFault({ answer }: Fault): Cause {
  if (answer.status < 300) {
    return causeOfAnswer(
      'not-acknowledged',
      'answers without owning the answer, even for a good point',
      answer,
    );
  }
  return causeOfAnswer('endpoint-fault', 'takes no points', answer);
}

/** One request's way past the circuits of its endpoint and of its route. */
export class Gate {
  readonly #health: EndpointHealth | undefined;
  readonly #endpoint: string;
  readonly #route: string;
  #trials: string[] = [];

  constructor(health: EndpointHealth | undefined, endpoint: string, route: string) {
    this.#health = health;
    this.#endpoint = endpoint;
    this.#route = route;
  }

  /** Why the request may not go, or null. */
  peek(): Held | null {
    for (const key of [this.#endpoint, this.#route]) {
      const admission = this.#health?.peek(key);
      if (admission?.kind === 'wait') return { ...admission, kind: 'held' };
    }
    return null;
  }

  /** As `peek`; after null, `report` must follow. */
  enter(): Held | null {
    const held = this.peek();
    if (held || !this.#health) return held;
    for (const key of [this.#endpoint, this.#route]) {
      const admission = this.#health.admit(key);
      if (admission.kind === 'go' && admission.trial) this.#trials.push(key);
    }
    return null;
  }

  report(verdict: Verdict): void {
    switch (verdict.kind) {
      case 'accepted':
      case 'rejected':
      case 'too-large':
      case 'throttled':
      case 'our-bug':
      case 'damaged':
        this.#succeeded(this.#endpoint);
        this.#succeeded(this.#route);
        break;
      case 'unknown':
        if (verdict.cause.code !== abortedCause.code) this.#failed(this.#endpoint, verdict.cause);
        break;
      case 'endpoint-fault':
        if (verdict.scope === 'route') this.#succeeded(this.#endpoint);
        this.#failed(verdict.scope === 'route' ? this.#route : this.#endpoint, causeOfFault(verdict), true);
        break;
      case 'suspect':
      case 'held':
        break;
    }
    this.release();
  }

  /** Gives back the trials that told nothing. */
  release(): void {
    for (const key of this.#trials) this.#health?.released(key);
    this.#trials = [];
  }

  #succeeded(key: string): void {
    this.#health?.succeeded(key);
    this.#done(key);
  }

  #failed(key: string, cause: Cause, atOnce = TIMEOUTS.has(cause.code)): void {
    this.#health?.failed(key, cause, atOnce);
    this.#done(key);
  }

  #done(key: string): void {
    this.#trials = this.#trials.filter((trial) => trial !== key);
  }
}
