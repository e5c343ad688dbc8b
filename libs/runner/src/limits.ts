const MIB = 1024 * 1024;

/** What a host and its runs may take. Sizes are bytes, times milliseconds. */
export interface HostLimits {
  /** Of each of a run's stdout and stderr. */
  readonly outputKeptBytes: number;
  /** What a run may write to its result descriptor. */
  readonly resultBytes: number;
  /** Of one run. Passed on to the host; the worker's count is made by whoever parses the points. */
  readonly points: number;
  /** Between TERM and KILL of a run that is out of time. */
  readonly killGraceMs: number;
  /** How long before the end of a lease the host kills its run. */
  readonly leaseMarginMs: number;
  /** From the start of a host to `ready`. */
  readonly importMs: number;
  /** From a `run` frame to its `started`. */
  readonly startMs: number;
  /** How much later than promised a run may end before its host is taken for broken. */
  readonly overdueMs: number;
  /** From `stop` to SIGKILL. */
  readonly stopGraceMs: number;
  /** Frames of runs that have not come whole yet, all runs of a host together. */
  readonly pendingBytes: number;
}

export const defaultHostLimits: HostLimits = {
  outputKeptBytes: 256 * 1024,
  resultBytes: 16 * MIB,
  points: 100_000,
  killGraceMs: 1_000,
  leaseMarginMs: 2_000,
  importMs: 60_000,
  startMs: 30_000,
  overdueMs: 5_000,
  stopGraceMs: 2_000,
  pendingBytes: 24 * MIB,
};
