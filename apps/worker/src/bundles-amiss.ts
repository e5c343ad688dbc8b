/** Told of for so long after it was last met: the scheduler looks every few seconds. */
const TOLD_MS = 60_000;
const MAX_KNOWN = 20;

/** Bundles that this worker could not have from Redis as they were put there; its heartbeat tells of them. */
export class BundlesAmiss {
  readonly #now: () => number;
  readonly #metMs = new Map<string, number>();

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** The newest ones. */
  get digests(): string[] {
    const sinceMs = this.#now() - TOLD_MS;
    for (const [digest, metMs] of this.#metMs) if (metMs < sinceMs) this.#metMs.delete(digest);
    return [...this.#metMs.keys()].slice(-MAX_KNOWN);
  }

  met(digest: string): void {
    this.#metMs.delete(digest);
    this.#metMs.set(digest, this.#now());
  }
}
