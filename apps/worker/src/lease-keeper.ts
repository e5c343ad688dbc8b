import { Recurring } from '@pythond/lifecycle';
import { LEASE_MS, LEASE_RENEW_MS, type Leases } from '@pythond/registry';

/** A lease that this worker holds, and how to tell its run about it. */
export interface HeldLease {
  readonly scheduler: string;
  readonly lease: string;
  readonly ofResident?: boolean;
  /** The run may go on for so long from now. */
  readonly onRenewed: (leaseMs: number) => void;
  /** Somebody else has it, or it ran out: the run has to die, though what it reported still counts. */
  readonly onLost: () => void;
}

/**
 * Renews every lease of this worker in one round trip, a third of their life apart.
 *
 * When Redis can't be reached nothing is said: the hosts count from the last renewal they were told of and kill their
 * runs by themselves two seconds before the lease ends, also when this process is stopped or stuck.
 */
export class LeaseKeeper {
  readonly #leases: Pick<Leases, 'renew'>;
  readonly #held = new Set<HeldLease>();
  readonly #renewing: Recurring;

  constructor(leases: Pick<Leases, 'renew'>, onError: (error: unknown) => void, everyMs = LEASE_RENEW_MS) {
    this.#leases = leases;
    this.#renewing = new Recurring(() => this.#renew(), everyMs, onError);
  }

  start(): void {
    this.#renewing.start();
  }

  stop(): Promise<void> {
    return this.#renewing.stop();
  }

  /** Runs that go on; what residents hold is not counted. */
  get size(): number {
    return [...this.#held].filter(({ ofResident }) => !ofResident).length;
  }

  hold(lease: HeldLease): () => void {
    this.#held.add(lease);
    return () => this.#held.delete(lease);
  }

  async #renew(): Promise<void> {
    const held = [...this.#held];
    const askedMs = performance.now();
    const kept = await this.#leases.renew(held);
    const tookMs = performance.now() - askedMs;
    for (const [index, lease] of held.entries()) {
      if (!this.#held.has(lease)) continue; // released while Redis answered
      if (kept[index]) lease.onRenewed(LEASE_MS - tookMs);
      else lease.onLost();
    }
  }
}
