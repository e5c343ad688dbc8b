import type { Catalogue } from './catalogue.ts';
import { HostDiedError } from './errors.ts';
import type { HostState } from './host.ts';
import type { HostDeath } from './host-death.ts';

/** The state of a host and the two promises that go with it. The transitions are those of PythonHost. */
export class HostLife {
  state: HostState = { kind: 'starting' };
  readonly ready: Promise<Catalogue>;
  readonly closed: Promise<HostDeath>;
  readonly #onState: ((state: HostState) => void) | undefined;
  #resolveReady!: (catalogue: Catalogue) => void;
  #rejectReady!: (error: HostDiedError) => void;
  #resolveClosed!: (death: HostDeath) => void;

  constructor(onState: ((state: HostState) => void) | undefined) {
    this.#onState = onState;
    this.ready = new Promise((resolve, reject) => {
      this.#resolveReady = resolve;
      this.#rejectReady = reject;
    });
    this.ready.catch(() => {}); // whoever does not wait for it is told by `closed`
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
  }

  becomeReady(catalogue: Catalogue): void {
    this.#enter({ kind: 'ready', catalogue });
    this.#resolveReady(catalogue);
  }

  beStopping(): void {
    if (this.state.kind !== 'stopping') this.#enter({ kind: 'stopping' });
  }

  /** `endRuns` is called before anyone is told that the host is closed. */
  die(death: HostDeath, endRuns: () => void): void {
    this.#enter({ kind: 'dead', death });
    this.#rejectReady(new HostDiedError(death)); // without effect when it was ready
    endRuns();
    this.#resolveClosed(death);
  }

  #enter(state: HostState): void {
    this.state = state;
    this.#onState?.(state);
  }
}
