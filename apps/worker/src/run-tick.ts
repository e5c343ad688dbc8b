import { type CollectorRecord, NewerRecordError, type RunRecord, type TickRef } from '@pythond/jobs';
import { fullJitter, pause } from '@pythond/lifecycle';
import type { LatePolicy } from '@pythond/points';
import type { JobContext, JobEnd } from '@pythond/queue';
import { LEASE_MS, type Leases, type Release, type ReleasedPoints, stateVersionOf } from '@pythond/registry';
import {
  causeOf,
  defaultHostLimits,
  type HostLease,
  type HostPool,
  InterpreterError,
  outcomeOf,
  type RunEnd,
  type RunHandle,
} from '@pythond/runner';
import type { AutoIsolation } from './auto-isolation.ts';
import type { WorkerEvent } from './events.ts';
import type { InputSupply, OpenInput } from './input-supply.ts';
import type { LastErrors } from './last-errors.ts';
import type { LeaseKeeper } from './lease-keeper.ts';
import { leftForNewer } from './left-for-newer.ts';
import type { Outlet } from './outlet.ts';
import { emptyEnd, outputOf, type RunFacts, recordOf, unavailableRecord } from './run-record.ts';
import { RunReports } from './run-reports.ts';
import { runTimeoutMs } from './run-timeout.ts';
import type { StateCache } from './state-cache.ts';

export interface TickRunDeps {
  readonly worker: string;
  /** What the worker gives; a block may ask for less. */
  readonly sandbox: 'strict' | 'none';
  readonly leases: Pick<Leases, 'release' | 'giveBack'>;
  readonly keeper: LeaseKeeper;
  readonly inputs: InputSupply;
  readonly hosts: Pick<HostPool, 'acquire'>;
  readonly outlet: Outlet;
  readonly lastErrors: Pick<LastErrors, 'ofScript' | 'ofRun'>;
  readonly late: LatePolicy;
  readonly states: StateCache;
  readonly auto: AutoIsolation;
  readonly ownDatakit: () => string;
  readonly emit: (event: WorkerEvent) => void;
}

export interface ClaimedTick {
  readonly tick: TickRef;
  readonly context: JobContext;
  readonly record: CollectorRecord;
  readonly lease: string;
  readonly again: boolean;
  /** When its first try was taken: a re-run gives its points the times that the first would have given. */
  readonly firstMs: number;
  /** What the collector's last run left to this one. */
  readonly state: Buffer | null;
  /** What becomes of a tick whose `cmd` does not start here: true, others run it; else why it fails. */
  readonly judge: (cmd: string, error: InterpreterError) => Promise<true | InterpreterError>;
}

/** `for-others`: nothing ran, the lease is given back, and the tick is to be handed to a worker that starts this `cmd`. */
export type TickEnd = JobEnd | { readonly kind: 'for-others'; readonly cmd: string };

/** How long a tick waits for a host whose kind died lately; a longer back-off is this run's failure. */
const HOST_WAIT_MS = 2_000;

/** Half an hour of a Redis that is away, about. */
const RELEASE_ATTEMPTS = 250;
const RELEASE_PAUSE = { baseMs: 500, capMs: 10_000 };

interface Ran {
  readonly end: RunEnd;
  readonly reports: RunReports;
  readonly startedMs: number;
  /** When it reported last; null: it did not. */
  readonly reportedMs: number | null;
}

/**
 * Runs a claimed tick to its end: host, run, reports, record. Its phases: preparing (input and host) → running →
 * settling (every point accepted, queued or dead) → released, which writes the record. In any of them the job's
 * signal may end it: then the run is killed, what it reported is still delivered, and the tick goes back when the
 * worker stops.
 */
export class TickRun {
  readonly #deps: TickRunDeps;

  constructor(deps: TickRunDeps) {
    this.#deps = deps;
  }

  async run(claimed: ClaimedTick): Promise<TickEnd> {
    const held = new HeldRun();
    const release = this.#deps.keeper.hold({
      scheduler: claimed.tick.scheduler,
      lease: claimed.lease,
      onRenewed: (leaseMs) => held.renew(leaseMs),
      onLost: () => held.lose(),
    });
    try {
      return await this.#runHeld(claimed, held);
    } finally {
      release();
    }
  }

  async #runHeld(claimed: ClaimedTick, held: HeldRun): Promise<TickEnd> {
    const { context, record } = claimed;
    let input: OpenInput;
    let host: HostLease;
    try {
      input = await this.#deps.inputs.open(record.input, record.inputNumber);
      host = await this.#deps.hosts.acquire(input.spec, { signal: context.signal, waitMs: HOST_WAIT_MS });
    } catch (error) {
      if (context.signal.aborted) return this.#back(claimed);
      if (error instanceof NewerRecordError) return this.#leave(claimed, error);
      return this.#couldNotStart(claimed, error);
    }
    try {
      const ran = await this.#execute(claimed, input, host, held);
      const settledMs = performance.now();
      const points = await ran.reports.settle();
      const outcome = outcomeOf(ran.end);
      if (outcome.kind === 'killed' && outcome.reason === 'stopping')
        return await this.#back(claimed, points.released);
      const facts = { ...this.#facts(claimed, ran.startedMs), sandbox: ran.end.policy.level };
      const deliverMs = performance.now() - settledMs;
      this.#deps.lastErrors.ofScript(this.#datakitOf(input), ran.end.lastErrors);
      const hint = outcome.kind === 'succeeded' ? null : causeOf(ran.end, defaultHostLimits);
      const state = stateAfter(ran.end, input);
      const judged = await this.#deps.auto.judge({ record, input: input.record, state, ...ran });
      const warnings = [...input.warnings, ...points.warnings, ...judged];
      return await this.#finish(claimed, recordOf(facts, ran.end, { points, deliverMs, hint, warnings }), {
        stdout: ran.end.stdout,
        stderr: ran.end.stderr,
        state,
        points: points.released,
        datakit: this.#datakitOf(input),
      });
    } finally {
      host.release();
    }
  }

  async #couldNotStart(claimed: ClaimedTick, error: unknown): Promise<TickEnd> {
    const { inputs } = this.#deps;
    const { record, context } = claimed;
    const isCmd = error instanceof InterpreterError;
    const cmd = isCmd ? await inputs.cmdOf(record.input, record.inputNumber) : null;
    const cause = isCmd && cmd !== null ? await claimed.judge(cmd, error) : error;
    if (context.signal.aborted) return this.#back(claimed);
    if (cause !== true || cmd === null)
      return this.#finish(claimed, unavailableRecord(this.#facts(claimed, Date.now()), cause));
    await this.#back(claimed);
    return { kind: 'for-others', cmd };
  }

  async #execute(claimed: ClaimedTick, input: OpenInput, host: HostLease, held: HeldRun): Promise<Ran> {
    const { record, context } = claimed;
    const startedMs = Date.now();
    let handle: RunHandle | undefined;
    let reportedMs: number | null = null;
    const reports = new RunReports({
      input,
      origin: { collector: record.id, run: context.id, dueMs: claimed.tick.dueMs },
      startedMs: claimed.firstMs,
      everyMs: record.everyMs,
      ownDatakit: this.#deps.ownDatakit(),
      maxPoints: defaultHostLimits.points,
      outlet: this.#deps.outlet,
      late: this.#deps.late,
      onTooMany: () => handle?.cancel(0, 'points-limit'),
    });
    handle = host.host.run({
      collector: record.key,
      timeoutMs: runTimeoutMs(record, input, host.catalogue),
      leaseMs: LEASE_MS,
      state: input.record.state ? claimed.state : null,
      carriesState: input.record.state,
      onReport: (report) => {
        reportedMs = Date.now();
        reports.take(report);
      },
    });
    held.attach(handle);
    const onAbort = () => handle?.cancel(0, context.signal.reason === 'stopping' ? 'stopping' : 'cancelled');
    if (context.signal.aborted) onAbort();
    context.signal.addEventListener('abort', onAbort, { once: true });
    try {
      const end = await handle.result;
      return { end, reports, startedMs, reportedMs };
    } finally {
      context.signal.removeEventListener('abort', onAbort);
    }
  }

  #datakitOf({ record }: OpenInput): string {
    return record.datakit ?? this.#deps.ownDatakit();
  }

  #facts(claimed: ClaimedTick, startedMs: number): RunFacts {
    const { tick, context, record } = claimed;
    return {
      id: context.id,
      collector: record.id,
      kind: tick.kind,
      dueMs: tick.dueMs,
      takenMs: context.takenMs,
      startedMs,
      attempt: context.attempt,
      worker: this.#deps.worker,
      sandbox: this.#deps.sandbox,
    };
  }

  async #finish(
    claimed: ClaimedTick,
    record: RunRecord,
    end: Pick<RunEnd, 'stdout' | 'stderr' | 'state'> &
      Pick<Release, 'points'> & { readonly datakit?: string } = { ...emptyEnd, state: null },
  ): Promise<JobEnd> {
    const { scheduler } = claimed.tick;
    const { state, points = [] } = end;
    const release = { scheduler, lease: claimed.lease, record, output: outputOf(end), state, points };
    const kept = await this.#release(release, claimed.context.signal);
    if (kept && state) this.#remember(scheduler, claimed.lease, state);
    this.#deps.emit({ kind: 'run-ended', record });
    this.#deps.lastErrors.ofRun(end.datakit ?? this.#deps.ownDatakit(), record);
    return { kind: 'done', value: kept ? record.outcome.kind : 'stale' };
  }

  /** However long Redis is away: the points are safe by now, and this is the only account of them. */
  async #release(release: Release, signal: AbortSignal): Promise<boolean> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#deps.leases.release(release);
      } catch (error) {
        if (signal.reason === 'stopping' || attempt >= RELEASE_ATTEMPTS) throw error;
        await pause(fullJitter({ ...RELEASE_PAUSE, attempt, random: Math.random }));
      }
    }
  }

  #remember(scheduler: string, lease: string, data: Buffer): void {
    if (data.length > 0) this.#deps.states.put(scheduler, { version: stateVersionOf(lease), data });
    else this.#deps.states.drop(scheduler);
  }

  /** To a worker that can read what it needs; after a while, or this one would take it at once again. */
  async #leave(claimed: ClaimedTick, { message }: NewerRecordError): Promise<JobEnd> {
    this.#deps.emit({ kind: 'left-for-newer', message });
    await this.#back(claimed);
    return leftForNewer();
  }

  /** The tick as if it had not been taken: another worker, or this one after its restart, runs it. */
  async #back(claimed: ClaimedTick, points: readonly ReleasedPoints[] = []): Promise<JobEnd> {
    const collector = claimed.record.id;
    await this.#deps.leases.giveBack(claimed.tick.scheduler, claimed.lease, { collector, points });
    return { kind: 'back' };
  }
}

/** What the run leaves to the next one: of a run that came to its end, even by raising, and of no other. */
function stateAfter(end: RunEnd, input: OpenInput): Buffer | null {
  const outcome = outcomeOf(end);
  const ended = outcome.kind === 'succeeded' || (outcome.kind === 'failed' && outcome.reason === 'raised');
  return ended && input.record.state ? end.state : null;
}

/** What the lease keeper says, passed on to a run that may not have started yet. */
class HeldRun {
  #handle: RunHandle | undefined;
  #lost = false;

  attach(handle: RunHandle): void {
    this.#handle = handle;
    if (this.#lost) handle.cancel(0);
  }

  renew(leaseMs: number): void {
    this.#handle?.renew(leaseMs);
  }

  lose(): void {
    this.#lost = true;
    this.#handle?.cancel(0);
  }
}
