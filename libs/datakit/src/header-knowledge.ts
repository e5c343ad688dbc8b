import type { Clock } from './clock.ts';

/** How long a server is believed to show no acceptance header before it is asked again. */
const NO_HEADER_FOR_MS = 5 * 60_000;
const MAX_ENDPOINTS = 1000;

interface Known {
  readonly shows: boolean;
  readonly atMs: number;
}

/** Which servers mark their answers with the acceptance header. Learnt from answers, forgotten after trouble. */
export class HeaderKnowledge {
  readonly #clock: Clock;
  readonly #known = new Map<string, Known>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** null: not known. */
  get(endpoint: string): boolean | null {
    const known = this.#known.get(endpoint);
    if (!known) return null;
    if (!known.shows && this.#clock.now() - known.atMs > NO_HEADER_FOR_MS) return null;
    return known.shows;
  }

  learn(endpoint: string, shows: boolean): void {
    if (shows && this.#known.get(endpoint)?.shows === true) return;
    this.#known.delete(endpoint);
    this.#known.set(endpoint, { shows, atMs: this.#clock.now() });
    const [oldest] = this.#known.keys();
    if (this.#known.size > MAX_ENDPOINTS && oldest !== undefined) this.#known.delete(oldest);
  }

  forget(endpoint: string): void {
    this.#known.delete(endpoint);
  }
}
