/** Twice the patience of a slow, shared machine: reached only when something is broken. */
const DEADLINE_MS = 60_000;
const POLL_MS = 20;

/**
 * Polls until `probe` gives something other than undefined, null or false, and gives that; fails, naming what was
 * awaited and what the last probe said, at a deadline that no healthy machine comes near.
 */
export async function eventually<T>(
  what: string,
  probe: () => T | Promise<T>,
  deadlineMs = DEADLINE_MS,
): Promise<NonNullable<T>> {
  const end = performance.now() + deadlineMs;
  let last: unknown;
  for (;;) {
    try {
      last = await probe();
      if (last !== undefined && last !== null && last !== false) return last as NonNullable<T>;
    } catch (error) {
      last = error;
    }
    if (performance.now() > end) {
      throw new Error(`waited ${deadlineMs} ms in vain for: ${what}; last: ${String(last)}`, { cause: last });
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
