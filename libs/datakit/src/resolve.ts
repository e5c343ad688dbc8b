import type { Answer } from './answer.ts';
import { bisect, type DeadCode, type Slice } from './bisect.ts';
import type { Cause } from './cause.ts';
import type { DataKitClient } from './client.ts';
import type { Delivery } from './delivery.ts';
import { type Hold, Settler, type Stop } from './settler.ts';

/** Points that will never be accepted. `indexes` are ascending positions in the delivery. */
export interface DeadPoints {
  readonly indexes: readonly number[];
  readonly code: DeadCode;
  readonly answer: Answer | null;
}

/** Points that are not settled: whether an earlier try stored them is unknown, so they go again as they are. */
export interface RetryPoints {
  readonly indexes: readonly number[];
  readonly cause: Cause;
  /** When the server, the pacer or the circuit allows the next try; null: as the caller's back-off says. */
  readonly afterMs: number | null;
}

/** What became of each point of a delivery: accepted + dead + retry are all of them, each once. */
export interface Resolution {
  readonly accepted: number;
  readonly dead: readonly DeadPoints[];
  readonly retry: RetryPoints | null;
  /** Set when this delivery found the endpoint at fault; its points are then in `retry`. */
  readonly hold: Hold | null;
  readonly requests: number;
}

export interface ResolveOptions {
  readonly signal: AbortSignal;
  /** Requests that may be made at most, probes included; what is unsettled then is to be retried. Default: enough. */
  readonly budget?: number;
}

/**
 * Sends a delivery and takes each point to its end as far as that is possible now: bisects what is refused, halves
 * what is too large, probes what is suspect, sends what was damaged once more uncompressed. Stops at the first
 * verdict that says nothing about the points (unknown, throttled, held, endpoint fault).
 */
export async function resolveDelivery(
  client: Pick<DataKitClient, 'send' | 'probe'>,
  delivery: Delivery,
  { signal, budget = Number.POSITIVE_INFINITY }: ResolveOptions,
): Promise<Resolution> {
  const settler = new Settler(client, delivery, signal, budget);
  const strategy = bisect<Stop>(delivery.points);
  let step = strategy.next();
  while (!step.done) step = strategy.next(await settler.fateOf(step.value));
  const { accepted, dead, left, stopped } = step.value;
  return {
    accepted,
    dead: dead.map(({ code, answer, ...slice }) => ({ indexes: indexesOf([slice]), code, answer })),
    retry: stopped && { indexes: indexesOf(left), cause: stopped.cause, afterMs: stopped.afterMs },
    hold: stopped?.hold ?? null,
    requests: settler.requests,
  };
}

function indexesOf(slices: readonly Slice[]): number[] {
  const indexes: number[] = [];
  for (const { start, end } of slices) for (let index = start; index < end; index++) indexes.push(index);
  return indexes;
}
