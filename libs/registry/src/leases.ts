import type { RunRecord } from '@pythond/jobs';
import { ledgerKeys, ledgerLua } from '@pythond/ledger';
import { type Redis, Script } from '@pythond/queue';
import { keys } from './keys.ts';
import { STATE_OF_GONE_MS } from './states.ts';

/** How long a run may go on after the last renewal that reached Redis. Renewed at a third. */
export const LEASE_MS = 15_000;
export const LEASE_RENEW_MS = LEASE_MS / 3;

/** Runs kept for each collector, and how many of them keep a long output. */
export const RUNS_KEPT = 100;
export const OUTPUTS_KEPT = 4;

export interface ClaimRequest {
  readonly scheduler: string;
  readonly jobId: string;
  readonly worker: string;
  readonly dueMs: number;
  readonly kind: 'grid' | 'first' | 'manual';
  /** The version of the collector's record that the worker holds; '' for none. */
  readonly knownVersion: string;
  /** The version of the collector's state that the worker holds; '' for none. */
  readonly knownState?: string;
  /** When the worker took the tick from the queue, milliseconds; default: now. */
  readonly takenMs?: number;
}

export type Claim =
  | {
      readonly kind: 'claimed';
      /** What the lease holds while it is ours: fence, job, worker. */
      readonly lease: string;
      /** True when this tick was started before, by a worker that did not finish it. */
      readonly again: boolean;
      /** When its first try was taken, milliseconds by that worker's clock. */
      readonly firstMs: number;
      readonly version: string;
      /** The collector's record as JSON, when `knownVersion` is not the newest. */
      readonly record: string | null;
      /** What its runs have left: the version, '' for nothing. */
      readonly stateVersion: string;
      /** The bytes, when there are any and `knownState` is not their version. */
      readonly state: Buffer | null;
    }
  | { readonly kind: 'skipped'; readonly reason: SkipReason; readonly holder: string }
  | { readonly kind: 'lost' };

/**
 * `done`: the tick's run is recorded; only its job was not completed. `counted`: it was skipped or missed before.
 * `host-gone`: its host is away, and its grid rests.
 */
type SkipReason = 'overlap' | 'paused' | 'gone' | 'done' | 'counted' | 'resident' | 'host-gone';

export interface Release {
  readonly scheduler: string;
  readonly lease: string;
  readonly record: RunRecord;
  /** The long form of what the run printed, when the record holds a short one. */
  readonly output: { readonly stdout: string; readonly stderr: string } | null;
  /** What the run leaves to the next one: null leaves what there is, empty takes it away. */
  readonly state?: Buffer | null;
  /** Its points, but for those that the outbox has counted. */
  readonly points?: readonly ReleasedPoints[];
}

/** Points of a run for one DataKit: what it reported, and what was accepted of that. More than 0 is one of them. */
export interface ReleasedPoints {
  readonly endpoint: string;
  readonly emitted: number;
  readonly accepted: number;
}

/** What the scripts that end a run have before them. */
export const historyLua = new URL('../lua/history.lua', import.meta.url);

const claimScript = new Script(
  new URL('../lua/pauses.lua', import.meta.url),
  new URL('../lua/claim.lua', import.meta.url),
);
const releaseScript = new Script(ledgerLua, historyLua, new URL('../lua/release.lua', import.meta.url));
const renewScript = new Script(new URL('../lua/renew.lua', import.meta.url));
const giveBackScript = new Script(ledgerLua, new URL('../lua/give-back.lua', import.meta.url));

const NOTHING = { collector: '', points: [] };

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
    const { scheduler, jobId, worker, dueMs, kind, knownVersion, knownState = '' } = request;
    const { takenMs = Date.now() } = request;
    const reply = (await claimScript.runBuffer(
      this.#redis,
      [keys.collector(scheduler), keys.lease(scheduler), keys.state(scheduler), keys.pauses],
      [jobId, worker, dueMs, kind, LEASE_MS, knownVersion, knownState, takenMs],
    )) as Buffer[];
    return parseClaim(reply);
  }

  /** @returns false when the lease was lost: nothing was written */
  async release({ scheduler, lease, record, output, state = null, points = [] }: Release): Promise<boolean> {
    const reply = await releaseScript.run(
      this.#redis,
      [
        keys.collector(scheduler),
        keys.lease(scheduler),
        keys.runs(scheduler),
        keys.outputs(scheduler),
        keys.state(scheduler),
        ledgerKeys.prefix,
      ],
      [
        lease,
        record.outcome.kind,
        JSON.stringify(record),
        output ? JSON.stringify({ run: record.id, ...output }) : '',
        RUNS_KEPT,
        OUTPUTS_KEPT,
        record.endedMs,
        Math.round(record.phases.runMs),
        ...stateArgs(lease, state),
        record.collector,
        ...points.flatMap(({ endpoint, emitted, accepted }) => [endpoint, emitted, accepted]),
      ],
    );
    return reply === 1;
  }

  /** Who runs a collector now, and for which job; null: nobody. */
  async holder(scheduler: string): Promise<{ readonly job: string; readonly worker: string } | null> {
    const [fence, job, worker] = (await this.#redis.get(keys.lease(scheduler)))?.split('|') ?? [];
    return fence && job && worker ? { job, worker } : null;
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

  /** `points`: what the run had reported all the same; the outbox has counted the rest. */
  async giveBack(
    scheduler: string,
    lease: string,
    {
      collector,
      points,
    }: { readonly collector: string; readonly points: readonly ReleasedPoints[] } = NOTHING,
  ): Promise<void> {
    const counted = points.flatMap(({ endpoint, emitted, accepted }) => [endpoint, emitted, accepted]);
    const args = [lease, collector, ...counted];
    const hashes = [keys.lease(scheduler), ledgerKeys.prefix, keys.collector(scheduler)];
    await giveBackScript.run(this.#redis, hashes, args);
  }
}

/** The version that the state gets which is committed with this lease: its fence, which no other has. */
export function stateVersionOf(lease: string): string {
  return lease.slice(0, lease.indexOf('|'));
}

function stateArgs(lease: string, state: Buffer | null) {
  if (!state) return ['keep', '', '', STATE_OF_GONE_MS];
  const what = state.length > 0 ? 'set' : 'forget';
  return [what, stateVersionOf(lease), state, STATE_OF_GONE_MS];
}

function parseClaim(reply: readonly Buffer[]): Claim {
  const text = (index: number) => reply[index]?.toString() ?? '';
  switch (text(0)) {
    case 'claimed':
      return {
        kind: 'claimed',
        lease: text(1),
        again: text(2) === 'again',
        firstMs: Number(text(7)),
        version: text(3),
        record: text(4) || null,
        stateVersion: text(5),
        state: reply[6]?.length ? reply[6] : null,
      };
    case 'skipped':
      return { kind: 'skipped', reason: text(1) as SkipReason, holder: text(2) };
    default:
      return { kind: 'lost' };
  }
}
