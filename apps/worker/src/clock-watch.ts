import type { DataKitClient } from '@pythond/datakit';
import { Recurring } from '@pythond/lifecycle';

/** From here on it is told. Whole seconds and the way there make less than a second of it. */
export const CLOCK_OFF_MS = 60_000;
const CHECK_EVERY_MS = 3_600_000;
/** How often it is looked which endpoints are due; also how soon one that did not answer is asked again. */
const LOOK_EVERY_MS = 60_000;
const MAX_ENDPOINTS = 64;

export interface ClockWatchOptions {
  readonly client: Pick<DataKitClient, 'ntp'>;
  /** A clock differs: told at every check that finds it. `aheadMs` is how far the DataKit's is ahead of ours. */
  readonly onOff: (endpoint: string, aheadMs: number) => void;
  readonly onError: (error: unknown) => void;
  readonly now?: () => number;
}

/**
 * Compares this machine's clock with those of the DataKits that it sends to, when it first sends there and every hour: a
 * metric's time that is two hours off is overwritten with now. A DataKit that can't be asked is asked again in a minute.
 */
export class ClockWatch {
  readonly #options: ClockWatchOptions;
  readonly #looking: Recurring;
  readonly #stopping = new AbortController();
  #first: Promise<void> = Promise.resolve();
  /** When each is due. */
  readonly #due = new Map<string, number>();
  readonly #off = new Map<string, number>();
  readonly #now: () => number;

  constructor(options: ClockWatchOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#looking = new Recurring((signal) => this.check(signal), LOOK_EVERY_MS, options.onError);
  }

  /** The first look is now. */
  start(): void {
    this.#first = this.check(this.#stopping.signal).catch(this.#options.onError);
    this.#looking.start();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all([this.#first, this.#looking.stop()]);
  }

  /** By how much each clock was ahead of ours when it was compared last, where that is too much. */
  get off(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#off);
  }

  /** Points go there. Those that are new are due. */
  sees(endpoint: string): void {
    if (endpoint !== '' && !this.#due.has(endpoint) && this.#due.size < MAX_ENDPOINTS)
      this.#due.set(endpoint, 0);
  }

  /** Compares with those that are due. */
  async check(signal: AbortSignal): Promise<void> {
    const now = this.#now();
    const due = [...this.#due].filter(([, dueMs]) => dueMs <= now).map(([endpoint]) => endpoint);
    await Promise.all(due.map((endpoint) => this.#compare(endpoint, signal)));
  }

  async #compare(endpoint: string, signal: AbortSignal): Promise<void> {
    const ntp = await this.#options.client.ntp(endpoint, { signal });
    if (ntp.kind === 'failed') return;
    this.#due.set(endpoint, this.#now() + CHECK_EVERY_MS);
    if (ntp.kind === 'answered' && Math.abs(ntp.aheadMs) >= CLOCK_OFF_MS) {
      const aheadMs = Math.round(ntp.aheadMs);
      this.#off.set(endpoint, aheadMs);
      this.#options.onOff(endpoint, aheadMs);
    } else {
      this.#off.delete(endpoint);
    }
  }
}
