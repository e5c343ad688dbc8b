import type { Delivery } from '@pythond/datakit';

export const never: AbortSignal = new AbortController().signal;

export function linesOf(count: number, prefix = 'm'): string[] {
  return Array.from(
    { length: count },
    (_, i) => `${prefix},i=${i} v=${i} ${1_700_000_000_000_000_000n + BigInt(i)}`,
  );
}

export function deliveryOf(endpoint: string, lines: readonly string[] = linesOf(1)): Delivery {
  return { endpoint, category: 'metric', query: [], body: lines.join('\n'), points: lines.length };
}

/** Waits until something holds, looking again in every turn of the event loop. The test's own time-out is the limit. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}
