/** Time as this library sees it, so that tests can own it. */
export interface Clock {
  /** Milliseconds that never run backwards. */
  now(): number;
  /** Calls `run` once after the delay (0: in the next turn of the event loop). Gives a function that prevents it. */
  after(delayMs: number, run: () => void): () => void;
}

/**
 * Epoch milliseconds at the start of the process, monotonic from there: a wall clock that jumps neither shortens a
 * wait nor stretches it.
 */
export const systemClock: Clock = {
  now: () => performance.timeOrigin + performance.now(),
  after(delayMs, run) {
    if (delayMs <= 0) {
      const immediate = setImmediate(run);
      return () => clearImmediate(immediate);
    }
    const timer = setTimeout(run, Math.ceil(delayMs));
    return () => clearTimeout(timer);
  },
};
