const callbacks = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls `run` when the signal aborts (it must not be aborted yet). Gives a function that takes it back. However many
 * wait on one signal, the signal has one listener: the stop signal of a process is waited on by every request, and
 * Node warns of a leak above ten listeners.
 */
export function onAbort(signal: AbortSignal, run: () => void): () => void {
  let waiting = callbacks.get(signal);
  if (!waiting) {
    const all = new Set<() => void>();
    signal.addEventListener('abort', () => callAll(all), { once: true });
    callbacks.set(signal, all);
    waiting = all;
  }
  const waitingHere = waiting;
  // A function of its own, so that one callback may wait twice.
  const call = () => run();
  waitingHere.add(call);
  return () => waitingHere.delete(call);
}

function callAll(all: Set<() => void>): void {
  for (const call of all) call();
  all.clear();
}
