import type { Confinement } from '@pythond/sandbox';
import { frameType } from './frames.ts';
import type { HostDeath } from './host-death.ts';
import type { Ended, Started, Stream } from './host-frames.ts';
import type { HostLimits } from './limits.ts';
import {
  type CancelReason,
  type EndCause,
  endOf,
  endWithHost,
  type RunEnd,
  type RunFacts,
} from './run-end.ts';
import { type RunHandle, type RunRequest, reasonOf } from './run-request.ts';
import { RunStream, type RunStreamLimits } from './run-stream.ts';

/** What a run needs of its host. */
export interface RunHost {
  readonly limits: HostLimits;
  readonly policy: Confinement;
  readonly streams: RunStreamLimits;
  send(type: number, value: object): void;
  sendState(run: number, state: Buffer): void;
}

/**
 * One run of a host, from its `run` frame to its `ended`.
 *
 * States: *asked* (no `started` yet), *started*, *over* (`result` is resolved). Besides what the host does about
 * them, the worker keeps its own deadlines, a little later than the host's; {@link overdue} tells which one has
 * passed.
 */
export class LiveRun implements RunHandle, RunFacts {
  readonly run: number;
  readonly result: Promise<RunEnd>;
  readonly stream: RunStream;
  readonly #request: RunRequest;
  readonly #host: RunHost;
  readonly #askedMs = performance.now();
  readonly #onAbort: (() => void) | undefined;
  #resolve!: (end: RunEnd) => void;
  #started: Started | null = null;
  #startedMs = 0;
  #timeoutAtMs: number;
  #leaseAtMs: number;
  #cancelAtMs = Number.POSITIVE_INFINITY;
  #cancelReason: CancelReason | null = null;
  #over = false;

  constructor(run: number, request: RunRequest, host: RunHost) {
    this.run = run;
    this.#request = request;
    this.#host = host;
    this.stream = new RunStream(host.streams, request);
    this.result = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    this.#timeoutAtMs = this.#askedMs + host.limits.startMs;
    this.#leaseAtMs = this.#leaseEnd(this.#askedMs, request.leaseMs);
    const { collector, timeoutMs, leaseMs, signal, onOutput, state, carriesState = true, resident } = request;
    if (state) host.sendState(run, state);
    host.send(frameType.run, {
      run,
      collector,
      timeoutMs,
      leaseMs,
      capture: true,
      live: onOutput !== undefined,
      state: carriesState,
      ...(resident ? { residents: resident.collectors } : {}),
    });
    if (signal) this.#onAbort = () => this.cancel(host.limits.killGraceMs, reasonOf(signal));
    signal?.addEventListener('abort', this.#onAbort as () => void, { once: true });
  }

  get collector(): string {
    return this.#request.collector;
  }

  get timeoutMs(): number {
    return this.#request.timeoutMs;
  }

  get policy(): Confinement {
    return this.#host.policy;
  }

  get cancelReason(): CancelReason | null {
    return this.#cancelReason;
  }

  /** Since when it runs, on the clock of performance.now(); null: it was not started yet. */
  get startedMs(): number | null {
    return this.#started ? this.#startedMs : null;
  }

  /** As its host says; null: it was not started yet. */
  get started(): Started | null {
    return this.#started;
  }

  renew(leaseMs: number): void {
    if (this.#over) return;
    this.#leaseAtMs = this.#leaseEnd(performance.now(), leaseMs);
    this.#host.send(frameType.renew, { run: this.run, leaseMs });
  }

  cancel(graceMs: number, reason: CancelReason = 'cancelled'): void {
    if (this.#over) return;
    this.cancelledBy(reason);
    this.#kill(graceMs);
  }

  cancelledBy(reason: CancelReason): void {
    this.#cancelReason ??= reason;
  }

  /** Returns false when it was started already. */
  start(started: Started): boolean {
    if (this.#started) return false;
    const { limits } = this.#host;
    this.#started = started;
    this.#startedMs = performance.now();
    this.#timeoutAtMs = this.#startedMs + this.timeoutMs + limits.killGraceMs + limits.overdueMs;
    return true;
  }

  push(bytes: Buffer): void {
    const wasBroken = this.stream.frameError;
    this.stream.push(bytes);
    if (this.stream.frameError && !wasBroken) this.#kill(0);
  }

  /** Returns false when nobody asked for live output. */
  output(stream: Stream, bytes: Buffer): boolean {
    this.#request.onOutput?.(stream, bytes);
    return this.#request.onOutput !== undefined;
  }

  /** The promise about the end of this run that was not kept, if any. */
  overdue(nowMs: number): Exclude<EndCause, 'exited' | 'result-limit' | 'refused'> | null {
    if (nowMs > this.#cancelAtMs) return 'cancelled';
    if (nowMs > this.#leaseAtMs) return 'lease';
    if (nowMs > this.#timeoutAtMs) return this.#started ? 'timed-out' : 'host';
    return null;
  }

  end(ended: Ended): void {
    this.stream.end(ended.cause === 'exited');
    this.#finish(endOf(this, ended));
  }

  endWithHost(cause: EndCause, death: HostDeath): void {
    this.stream.end(false);
    const runMs = this.#started ? performance.now() - this.#startedMs : 0;
    const startedAtNs = this.#started?.startedAtNs ?? null;
    this.#finish(endWithHost(this, { cause, death, startedAtNs, runMs }));
  }

  #finish(end: RunEnd): void {
    this.#over = true;
    if (this.#onAbort) this.#request.signal?.removeEventListener('abort', this.#onAbort);
    this.#resolve(end);
  }

  #kill(graceMs: number): void {
    const { limits } = this.#host;
    const latest = performance.now() + graceMs + limits.killGraceMs + limits.overdueMs;
    this.#cancelAtMs = Math.min(this.#cancelAtMs, latest);
    this.#host.send(frameType.cancel, { run: this.run, graceMs });
  }

  /** The host kills the run one margin before the lease ends; the worker's own deadline is half a margin before. */
  #leaseEnd(fromMs: number, leaseMs: number): number {
    return fromMs + leaseMs - this.#host.limits.leaseMarginMs / 2;
  }
}
