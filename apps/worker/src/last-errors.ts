import type { DataKitClient } from '@pythond/datakit';
import type { RunRecord } from '@pythond/jobs';
import type { LastError } from '@pythond/runner';

/** The same failure is told again after so long. */
const AGAIN_AFTER_MS = 600_000;
const TIMEOUT_MS = 5_000;
const MAX_KNOWN = 10_000;

export interface LastErrorsOptions {
  readonly client: Pick<DataKitClient, 'lastError'>;
  readonly now?: () => number;
}

interface Told {
  readonly text: string;
  readonly atMs: number;
}

/**
 * Tells DataKit what fails, so that its own monitor shows it: every `set_lasterror` of a script, and a run that failed,
 * when it fails in another way than the last one or ten minutes later. Best effort, and only of a DataKit on this machine
 * (it takes them from nowhere else); nothing waits for it.
 */
export class LastErrors {
  readonly #client: LastErrorsOptions['client'];
  readonly #now: () => number;
  /** By collector. */
  readonly #told = new Map<string, Told>();
  readonly #stopping = new AbortController();

  constructor({ client, now = Date.now }: LastErrorsOptions) {
    this.#client = client;
    this.#now = now;
  }

  ofScript(endpoint: string, errors: readonly LastError[]): void {
    for (const { input, content } of errors) this.#tell(endpoint, input, content);
  }

  ofRun(endpoint: string, record: RunRecord): void {
    const { collector } = record;
    const text = textOf(record);
    if (text === null) {
      this.#told.delete(collector);
      return;
    }
    const told = this.#told.get(collector);
    const atMs = this.#now();
    if (told?.text === text && atMs - told.atMs < AGAIN_AFTER_MS) return;
    if (this.#told.size >= MAX_KNOWN) this.#told.clear();
    this.#told.set(collector, { text, atMs });
    this.#tell(endpoint, `pythond/${collector}`, text);
  }

  stop(): void {
    this.#stopping.abort();
  }

  #tell(endpoint: string, input: string, content: string): void {
    const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(TIMEOUT_MS)]);
    this.#client.lastError(endpoint, input, content, { signal }).catch(() => false);
  }
}

/** What is wrong, for people; null when nothing is. */
function textOf({ outcome, hint, error }: RunRecord): string | null {
  switch (outcome.kind) {
    case 'failed':
    case 'timed-out':
      return error ? `${error.type}: ${error.message}` : (hint ?? outcome.kind);
    case 'killed':
      return outcome.reason === 'stopping' ? null : (hint ?? `killed: ${outcome.reason}`);
    default:
      return null;
  }
}
