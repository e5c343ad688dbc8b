import {
  type CollectorRecord,
  collectorRecordSchema,
  NewerRecordError,
  parseTickId,
  readRecord,
  type TickRef,
} from '@pythond/jobs';
import type { JobContext, JobEnd } from '@pythond/queue';
import type { Claim, FleetClock, Leases } from '@pythond/registry';
import type { InterpreterError } from '@pythond/runner';
import type { Histogram } from '@pythond/telemetry';
import { claimSteadily } from './claim-steadily.ts';
import type { WorkerEvent } from './events.ts';
import type { HandOver } from './hand-over.ts';
import { leftForNewer } from './left-for-newer.ts';
import type { ClaimedTick, TickRun } from './run-tick.ts';
import type { HeldState, StateCache } from './state-cache.ts';

/** Where ticks go that are for workers on which their `cmd` starts. */
export interface TickHandOver extends Pick<HandOver, 'isForOthers' | 'judge'> {
  /** Puts a tick where those workers take it. */
  readonly put: (place: string, cmd: string, job: string, collector: string) => Promise<void>;
}

export interface CollectDeps {
  readonly worker: string;
  /** Where its ticks come from: a pool, or one host of it. */
  readonly place: string;
  /** null: what is taken here was handed over, and is not handed on. */
  readonly handOver: TickHandOver | null;
  readonly leases: Pick<Leases, 'claim' | 'giveBack'>;
  readonly runs: TickRun;
  readonly states: StateCache;
  /** Told how long each tick of the grid waited for a worker. */
  readonly lag: Pick<Histogram, 'observe'>;
  /** A tick that was taken by a clock that is off would be early or late, and its points have wrong times. */
  readonly clock: Pick<FleetClock, 'isRight'>;
  readonly emit: (event: WorkerEvent) => void;
}

type Claimed = Extract<Claim, { kind: 'claimed' }>;

/** What a worker remembers of a collector between its ticks, so that a claim need not bring it again. */
interface KnownCollector {
  readonly version: string;
  readonly record: CollectorRecord;
}

/** A collector that could not be started when its tick was claimed here last. */
interface HandedOver {
  readonly collector: string;
  readonly cmd: string;
  readonly sinceMs: number;
}

const MAX_KNOWN = 20_000;
/** An edit may give it another `cmd`: it is claimed again to find out. */
const HANDED_OVER_MS = 60_000;
/** What a tick was answered that another worker runs. */
const HANDED_OVER = 'handed-over';

/** Takes ticks from the collect queue: claims the collector's lease, and runs it when the lease is given. */
export class Collect {
  readonly #deps: CollectDeps;
  readonly #known = new Map<string, KnownCollector>();
  readonly #forOthers = new Map<string, HandedOver>();

  constructor(deps: CollectDeps) {
    this.#deps = deps;
  }

  async process(context: JobContext): Promise<JobEnd> {
    const tick = parseTickId(context.id);
    if (!tick) return { kind: 'give-up', reason: `job ${context.id} is not a tick` };
    if (!(await this.#deps.clock.isRight())) return { kind: 'back' };
    if (await this.#isHandedOver(tick, context)) return { kind: 'done', value: HANDED_OVER };
    if (tick.kind === 'grid' && context.attempt === 1) {
      this.#deps.lag.observe(Math.max(0, context.takenMs - tick.dueMs));
    }
    const held = this.#deps.states.get(tick.scheduler);
    const request = {
      scheduler: tick.scheduler,
      jobId: context.id,
      worker: this.#deps.worker,
      dueMs: tick.dueMs,
      kind: tick.kind,
      knownVersion: this.#known.get(tick.scheduler)?.version ?? '',
      knownState: held?.version ?? '',
      takenMs: context.takenMs,
    };
    const claim = await claimSteadily(this.#deps.leases, request, context.signal);
    switch (claim.kind) {
      case 'skipped':
        if (claim.reason === 'done' || claim.reason === 'counted')
          return { kind: 'done', value: claim.reason };
        return this.#skipped(tick, claim.reason);
      case 'lost':
        return this.#skipped(tick, 'lost');
      case 'claimed':
        return this.#claimed(tick, context, claim, held);
    }
  }

  async #claimed(
    tick: TickRef,
    context: JobContext,
    claim: Claimed,
    held: HeldState | undefined,
  ): Promise<JobEnd> {
    const { lease, again, firstMs } = claim;
    let record: CollectorRecord;
    try {
      record = this.#record(tick, claim);
    } catch (error) {
      if (!(error instanceof NewerRecordError)) throw error;
      this.#deps.emit({ kind: 'left-for-newer', message: error.message });
      await this.#deps.leases.giveBack(tick.scheduler, lease);
      return leftForNewer();
    }
    const state = this.#state(tick, claim, held);
    return this.#run({ tick, context, record, lease, again, firstMs, state });
  }

  async #run(claimed: Omit<ClaimedTick, 'judge'>): Promise<JobEnd> {
    const { handOver, place, runs } = this.#deps;
    const { record, tick, context } = claimed;
    const judge = (cmd: string, error: InterpreterError) =>
      handOver ? handOver.judge(place, cmd, error, context.signal) : Promise.resolve(error);
    const end = await runs.run({ ...claimed, judge });
    if (end.kind !== 'for-others') return end;
    const sinceMs = performance.now();
    this.#forOthers.set(tick.scheduler, { collector: record.id, cmd: end.cmd, sinceMs });
    await handOver?.put(place, end.cmd, context.id, record.id);
    return { kind: 'done', value: HANDED_OVER };
  }

  /** Before it is claimed: then it counts once, as it would if this worker had not taken it. */
  async #isHandedOver({ scheduler }: TickRef, { id }: JobContext): Promise<boolean> {
    const { handOver, place } = this.#deps;
    const known = this.#forOthers.get(scheduler);
    if (!known || !handOver) return false;
    const isFresh = performance.now() - known.sinceMs < HANDED_OVER_MS;
    const isForOthers = isFresh && (await handOver.isForOthers(place, known.cmd));
    if (isForOthers) await handOver.put(place, known.cmd, id, known.collector);
    else this.#forOthers.delete(scheduler);
    return isForOthers;
  }

  #record(tick: TickRef, claim: Claimed): CollectorRecord {
    const known = this.#known.get(tick.scheduler);
    if (claim.record === null && known) return known.record;
    const stored = JSON.parse(claim.record ?? '');
    const record = readRecord(collectorRecordSchema, stored, `collector ${stored.id}`);
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    this.#known.set(tick.scheduler, { version: claim.version, record });
    return record;
  }

  /** What the collector's last run left; the claim brings it unless it is what is held here. */
  #state(
    tick: TickRef,
    { stateVersion: version, state }: Claimed,
    held: HeldState | undefined,
  ): Buffer | null {
    if (version === '') {
      this.#deps.states.drop(tick.scheduler);
      return null;
    }
    if (state) this.#deps.states.put(tick.scheduler, { version, data: state });
    return state ?? held?.data ?? null;
  }

  #skipped(tick: TickRef, reason: string): JobEnd {
    const collector = this.#known.get(tick.scheduler)?.record.id ?? tick.scheduler;
    this.#deps.emit({ kind: 'tick-skipped', collector, reason, dueMs: tick.dueMs });
    return { kind: 'done', value: reason };
  }
}
