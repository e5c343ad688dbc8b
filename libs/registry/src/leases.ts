import type { RunRecord } from '@pythond/jobs';
import { type Redis, Script } from '@pythond/queue';
import { keys } from './keys.ts';

/** How long a run may go on after the last renewal that reached Redis. Renewed at a third. */
export const LEASE_MS = 15_000;
export const LEASE_RENEW_MS = LEASE_MS / 3;

/** Runs kept for each collector, and how many of them keep a long output. */
const RUNS_KEPT = 100;
const OUTPUTS_KEPT = 4;

export interface ClaimRequest {
  readonly scheduler: string;
  readonly jobId: string;
  readonly worker: string;
  readonly dueMs: number;
  readonly kind: 'grid' | 'first' | 'manual';
  /** The version of the collector's record that the worker holds; '' for none. */
  readonly knownVersion: string;
}

export type Claim =
  | {
      readonly kind: 'claimed';
      /** What the lease holds while it is ours: fence, job, worker. */
      readonly lease: string;
      /** True when this tick was started before, by a worker that did not finish it. */
      readonly again: boolean;
      readonly version: string;
      /** The collector's record as JSON, when `knownVersion` is not the newest. */
      readonly record: string | null;
    }
  | { readonly kind: 'skipped'; readonly reason: 'overlap' | 'paused' | 'gone'; readonly holder: string }
  | { readonly kind: 'lost' };

export interface Release {
  readonly scheduler: string;
  readonly lease: string;
  readonly record: RunRecord;
  /** The long form of what the run printed, when the record holds a short one. */
  readonly output: { readonly stdout: string; readonly stderr: string } | null;
}

const claimScript = new Script(new URL('../lua/claim.lua', import.meta.url));
const releaseScript = new Script(new URL('../lua/release.lua', import.meta.url));
const renewScript = new Script(new URL('../lua/renew.lua', import.meta.url));
const giveBackScript = new Script(new URL('../lua/give-back.lua', import.meta.url));

/**
 * The right to run a collector: one at a time over the whole fleet, with a fence, in Redis.
 *
 * A lease is taken with a tick, renewed while the run goes on, and ends with the release that writes the run's
 * record. Whoever finds it gone or somebody else's has lost the run: it must be dead by then, which the host sees to.
 */
export class Leases {
  readonly #redis: Redis;

  constructor(redis: Redis) {
    this.#redis = redis;
  }

  async claim(request: ClaimRequest): Promise<Claim> {
    const reply = (await claimScript.run(
      this.#redis,
      [keys.collector(request.scheduler), keys.lease(request.scheduler)],
      [request.jobId, request.worker, request.dueMs, request.kind, LEASE_MS, request.knownVersion],
    )) as string[];
    return parseClaim(reply);
  }

  /** @returns false when the lease was lost: nothing was written */
  async release({ scheduler, lease, record, output }: Release): Promise<boolean> {
    const reply = await releaseScript.run(
      this.#redis,
      [keys.collector(scheduler), keys.lease(scheduler), keys.runs(scheduler), keys.outputs(scheduler)],
      [
        lease,
        record.outcome.kind,
        JSON.stringify(record),
        output ? JSON.stringify({ run: record.id, ...output }) : '',
        RUNS_KEPT,
        OUTPUTS_KEPT,
        record.endedMs,
        Math.round(record.phases.runMs),
      ],
    );
    return reply === 1;
  }

  /** Renews all of them in one round trip; gives for each whether it is still held. */
  async renew(held: readonly { readonly scheduler: string; readonly lease: string }[]): Promise<boolean[]> {
    if (held.length === 0) return [];
    const reply = (await renewScript.run(
      this.#redis,
      held.map(({ scheduler }) => keys.lease(scheduler)),
      [LEASE_MS, ...held.map(({ lease }) => lease)],
    )) as number[];
    return reply.map((kept) => kept === 1);
  }

  async giveBack(scheduler: string, lease: string): Promise<void> {
    await giveBackScript.run(this.#redis, [keys.lease(scheduler)], [lease]);
  }
}

function parseClaim(reply: readonly string[]): Claim {
  switch (reply[0]) {
    case 'claimed':
      return {
        kind: 'claimed',
        lease: reply[1] ?? '',
        again: reply[2] === 'again',
        version: reply[3] ?? '',
        record: reply[4] || null,
      };
    case 'skipped':
      return { kind: 'skipped', reason: reply[1] as 'overlap' | 'paused' | 'gone', holder: reply[2] ?? '' };
    default:
      return { kind: 'lost' };
  }
}
