import type { Cause } from './cause.ts';
import { Circuit, type HealthState } from './circuit.ts';
import { type Clock, systemClock } from './clock.ts';

export type Admission =
  /** `trial`: the circuit is half-open, and this request decides. */
  | { readonly kind: 'go'; readonly trial: boolean }
  | { readonly kind: 'wait'; readonly afterMs: number; readonly cause: Cause };

export interface HealthChange {
  /** An endpoint, or one route of it (`http://host:9529/v1/write/rum`). */
  readonly key: string;
  readonly from: HealthState;
  readonly to: HealthState;
}

/** Which endpoints (and routes) can be sent to. Each key is on its own: one in trouble delays no other. */
export interface EndpointHealth {
  state(key: string): HealthState;
  /** Every key that is not closed. */
  troubled(): readonly { readonly key: string; readonly state: HealthState }[];
  /** Whether a request may go, without claiming anything. */
  peek(key: string): Admission;
  /** As `peek`, and claims the trial of a half-open circuit. Whoever got `go` reports back with one of the below. */
  admit(key: string): Admission;
  /** It answered, whatever it said about the data. */
  succeeded(key: string): void;
  /** It did not; `atOnce`: no need to see that again before the circuit opens. */
  failed(key: string, cause: Cause, atOnce: boolean): void;
  /** The trial told nothing. */
  released(key: string): void;
}

export interface EndpointHealthOptions {
  /** So many failures in a row open a circuit. */
  readonly failures?: number;
  /** How long a circuit stays open at first, and at most; doubled each time a trial fails, with jitter. */
  readonly baseMs?: number;
  readonly capMs?: number;
  /** Every change of state. */
  readonly onChange?: (change: HealthChange) => void;
  readonly clock?: Clock;
  readonly random?: () => number;
}

const CLOSED: HealthState = { kind: 'closed' };
const GO: Admission = { kind: 'go', trial: false };
const TRIAL: Admission = { kind: 'go', trial: true };
/** When to look again while somebody else tries a half-open endpoint. */
const TRIAL_MS = 1000;

export function createEndpointHealth(options: EndpointHealthOptions = {}): EndpointHealth {
  const { failures = 3, baseMs = 1000, capMs = 15_000, onChange } = options;
  const { clock = systemClock, random = Math.random } = options;
  /** Only what is in trouble, or has failed lately. */
  const circuits = new Map<string, Circuit>();

  function openForMs(attempt: number): number {
    const longest = Math.min(capMs, baseMs * 2 ** Math.min(attempt, 30));
    // At least half, unlike full jitter: a circuit that is open for no time protects nobody.
    return (longest / 2) * (1 + random());
  }

  function change(key: string, act: (circuit: Circuit) => void): void {
    const circuit = circuits.get(key) ?? new Circuit(failures, openForMs, clock);
    const from = circuit.state;
    act(circuit);
    if (circuit.healthy) circuits.delete(key);
    else circuits.set(key, circuit);
    if (circuit.state !== from) onChange?.({ key, from, to: circuit.state });
  }

  function peek(key: string): Admission {
    const circuit = circuits.get(key);
    if (!circuit || circuit.state.kind === 'closed') return GO;
    const afterMs = circuit.waitMs(TRIAL_MS);
    return afterMs > 0 ? { kind: 'wait', afterMs, cause: circuit.state.cause } : TRIAL;
  }

  return {
    state: (key) => circuits.get(key)?.state ?? CLOSED,
    troubled: () =>
      [...circuits]
        .map(([key, { state }]) => ({ key, state }))
        .filter(({ state }) => state.kind !== 'closed'),
    peek,
    admit(key) {
      const admission = peek(key);
      if (admission === TRIAL) change(key, (circuit) => circuit.claimTrial());
      return admission;
    },
    succeeded(key) {
      if (circuits.has(key)) change(key, (circuit) => circuit.succeeded());
    },
    failed(key, cause, atOnce) {
      change(key, (circuit) => circuit.failed(cause, atOnce));
    },
    released(key) {
      circuits.get(key)?.released();
    },
  };
}
