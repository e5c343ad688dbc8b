import type { BundleDigest } from '@pythond/jobs';

/** Which bundles this process holds leases of. While there is one, `refresh` is called for each at intervals. */
export class HeldBundles {
  readonly #held = new Map<BundleDigest, number>();
  readonly #refresh: (digest: BundleDigest) => void;
  readonly #everyMs: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(refresh: (digest: BundleDigest) => void, everyMs: number) {
    this.#refresh = refresh;
    this.#everyMs = everyMs;
  }

  has(digest: BundleDigest): boolean {
    return this.#held.has(digest);
  }

  /** @returns what ends it, any number of times */
  hold(digest: BundleDigest): () => void {
    this.#held.set(digest, (this.#held.get(digest) ?? 0) + 1);
    this.#timer ??= setInterval(() => this.#refreshAll(), this.#everyMs).unref();
    let holding = true;
    return () => {
      if (holding) this.#letGo(digest);
      holding = false;
    };
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #letGo(digest: BundleDigest): void {
    const left = (this.#held.get(digest) ?? 1) - 1;
    if (left > 0) this.#held.set(digest, left);
    else this.#held.delete(digest);
    if (this.#held.size === 0) this.stop();
  }

  #refreshAll(): void {
    for (const digest of this.#held.keys()) this.#refresh(digest);
  }
}
