/** A wait that took longer than it may. Its message names the operation. */
export class DeadlineError extends Error {
  readonly code = 'deadline';
  override readonly name = 'DeadlineError';

  constructor(operation: string, afterMs: number) {
    super(`${operation} took longer than ${afterMs} ms`);
  }
}

/** The promise, or a {@link DeadlineError} after `ms`. What the promise stands for goes on: cancel it yourself. */
export async function withDeadline<T>(promise: Promise<T>, ms: number, operation: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new DeadlineError(operation, ms)), ms);
  });
  try {
    return await Promise.race([promise, expired]);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits, or ends early without an error when the signal fires: the caller looks at the signal. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) {
      resolve();
      return;
    }
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done, { once: true });
  });
}
