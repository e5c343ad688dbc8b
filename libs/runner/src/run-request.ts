import type { RunWarning } from '@pythond/jobs';
import type { Stream } from './host-frames.ts';
import type { CancelReason, RunEnd } from './run-end.ts';
import type { LastError, Loaded, PassBegan, PassEnded, Report } from './run-frames.ts';

/** A run that stays: one process with a thread for each collector, whose run() is called at its ticks. */
export interface ResidentRequest {
  /** `everyMs` and `offsetMs` are the grid, counted from 1970; the first call comes at once. */
  readonly collectors: readonly {
    readonly collector: string;
    readonly everyMs: number;
    readonly offsetMs: number;
  }[];
  readonly onLoaded: (loaded: Loaded) => void;
  readonly onPassBegan: (began: PassBegan) => void;
  readonly onPassEnded: (ended: PassEnded) => void;
  /** `collector` is null when it is not known whose it is. */
  readonly onWarning: (warning: RunWarning, collector: string | null) => void;
  /** As they come, however many: it may be up for months. */
  readonly onLastError: (error: LastError) => void;
}

export interface RunRequest {
  /** The `key` of a collector in the host's catalogue; of a resident any name. */
  readonly collector: string;
  readonly timeoutMs: number;
  /** How long the run may go on without {@link RunHandle.renew}. */
  readonly leaseMs: number;
  /** What earlier runs of the collector left, as they gave it: the run starts from there. */
  readonly state?: Buffer | null | undefined;
  /** Whether what it changes is to be told, in {@link RunEnd.state}; true unless said otherwise. */
  readonly carriesState?: boolean | undefined;
  /** Only on a host that was made for it. */
  readonly resident?: ResidentRequest | undefined;
  /** Cancels the run; a {@link RunCancellation} as its reason says why. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Called with each report as it comes, in order, before `result` resolves. It must not wait; when it throws,
   * the run is killed and fails with reason `frame`: so a parser of the points can simply throw.
   */
  readonly onReport?: ((report: Report) => void) | undefined;
  /** Called with output as it comes; `bytes` is only good during the call. */
  readonly onOutput?: ((stream: Stream, bytes: Buffer) => void) | undefined;
}

/** The reason of an abort that says why a run is cancelled. A control-flow signal, not an error. */
export class RunCancellation extends Error {
  readonly reason: CancelReason;
  constructor(reason: CancelReason) {
    super(`the run is cancelled: ${reason}`);
    this.name = 'RunCancellation';
    this.reason = reason;
  }
}

export interface RunHandle {
  /** The run's number within its host. */
  readonly run: number;
  /** Never rejects. Resolves when every process of the run is gone. */
  readonly result: Promise<RunEnd>;
  /** The lease counts anew from now. */
  renew(leaseMs: number): void;
  /** TERM to the run, KILL after the grace. The first reason stays. */
  cancel(graceMs: number, reason?: CancelReason): void;
}

/** Why an aborted signal says that the run is cancelled. */
export function reasonOf(signal: AbortSignal): CancelReason {
  return signal.reason instanceof RunCancellation ? signal.reason.reason : 'cancelled';
}
