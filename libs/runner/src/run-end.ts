import type { RunError, RunWarning } from '@pythond/jobs';
import type { Confinement, Refusal } from '@pythond/sandbox';
import type { FrameError } from './errors.ts';
import type { HostDeath } from './host-death.ts';
import type { Ended } from './host-frames.ts';
import type { LastError } from './run-frames.ts';
import type { RunStream } from './run-stream.ts';
import type { Exceeded } from './usage-watch.ts';

/** Why the worker had a run killed. */
export type CancelReason = 'cancelled' | 'stopping' | 'points-limit' | Exceeded;

/** What a host says about how a run ended; `host`: it says nothing, because it is gone. */
export type EndCause = Ended['cause'] | 'host';

/** One run, over: nothing of it is alive any more. What the host claims was checked for form, not for truth. */
export interface RunEnd {
  readonly run: number;
  readonly collector: string;
  readonly cause: EndCause;
  /** With `refused` and `host`: why. */
  readonly message: string | null;
  /** With `host`: how the host went. */
  readonly death: HostDeath | null;
  /** Set when the worker cancelled the run, whether or not the cancellation came in time. */
  readonly cancelReason: CancelReason | null;
  readonly exitCode: number | null;
  /** The signal's name, or its number where it has none. */
  readonly signal: string | null;
  readonly times: {
    readonly startedAtNs: bigint | null;
    readonly endedAtNs: bigint | null;
    readonly forkMs: number;
    readonly runMs: number;
  };
  readonly timeoutMs: number;
  readonly cpuMs: number;
  readonly maxRssKb: number;
  readonly stdout: string;
  readonly stderr: string;
  /** What was written, kept or not. */
  readonly bytes: { readonly stdout: number; readonly stderr: number; readonly result: number };
  /** Whether the run said that it is done; a run that died did not. */
  readonly finished: boolean;
  /** What run() raised. */
  readonly error: RunError | null;
  /** Report calls that came whole. */
  readonly reports: number;
  readonly lastErrors: readonly LastError[];
  readonly warnings: readonly RunWarning[];
  /** What the sandbox refused it, as far as its own process noticed. */
  readonly refused: readonly Refusal[];
  /** What it might do. */
  readonly policy: Confinement;
  /**
   * What it leaves to the next run: opaque, and never longer than the protocol says. null: what it started from;
   * empty: nothing, the next one starts from the beginning. Only of a run that finished.
   */
  readonly state: Buffer | null;
  /** Why the run's result could not be read to its end. */
  readonly frameError: FrameError | null;
  /** Processes that the run left behind and the host killed. */
  readonly strays: number;
}

/** What the worker itself knows of a run. */
export interface RunFacts {
  readonly run: number;
  readonly collector: string;
  readonly timeoutMs: number;
  readonly cancelReason: CancelReason | null;
  readonly policy: Confinement;
  readonly stream: RunStream;
}

/**
 * Builds the end of a run from what its host says. Written out member by member: spreading two objects of this size
 * into one costs 20 µs a run, more than all else that is computed here.
 */
export function endOf(facts: RunFacts, ended: Ended): RunEnd {
  const { stream } = facts;
  return {
    run: facts.run,
    collector: facts.collector,
    cause: ended.cause,
    message: ended.message ?? null,
    death: null,
    cancelReason: facts.cancelReason,
    exitCode: ended.exitCode,
    signal: ended.signal,
    times: {
      startedAtNs: ended.startedAtNs ?? null,
      endedAtNs: ended.endedAtNs ?? null,
      forkMs: ended.forkMs,
      runMs: ended.runMs,
    },
    timeoutMs: facts.timeoutMs,
    cpuMs: ended.cpuMs,
    maxRssKb: ended.maxRssKb,
    stdout: ended.stdout,
    stderr: ended.stderr,
    bytes: { stdout: ended.stdoutBytes, stderr: ended.stderrBytes, result: stream.bytes },
    finished: stream.finished,
    error: stream.error,
    reports: stream.reports,
    lastErrors: stream.lastErrors,
    warnings: stream.warnings,
    refused: stream.refused,
    policy: facts.policy,
    state: stream.finished ? stream.state : null,
    frameError: stream.frameError,
    strays: ended.strays,
  };
}

/** What a host that is gone can't say any more. */
export interface UntoldEnd {
  /** `host`, unless the host had to be killed because of this run. */
  readonly cause: EndCause;
  readonly death: HostDeath;
  readonly startedAtNs: bigint | null;
  readonly runMs: number;
}

export function endWithHost(facts: RunFacts, { cause, death, startedAtNs, runMs }: UntoldEnd): RunEnd {
  const untold: Ended = { ...nothingTold, run: facts.run, startedAtNs, runMs };
  return { ...endOf(facts, untold), cause, message: death.message, death };
}

const nothingTold: Omit<Ended, 'run'> = {
  cause: 'exited',
  exitCode: null,
  signal: null,
  forkMs: 0,
  runMs: 0,
  cpuMs: 0,
  maxRssKb: 0,
  stdout: '',
  stderr: '',
  stdoutBytes: 0,
  stderrBytes: 0,
  strays: 0,
};
