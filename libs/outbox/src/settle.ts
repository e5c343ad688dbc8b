import {
  type Answer,
  bodyOf,
  type DataKitClient,
  type DeadPoints,
  type Delivery,
  type RetryPoints,
  resolveDelivery,
  selectShares,
} from '@pythond/datakit';
import type { DeadLetter, Origin } from '@pythond/jobs';
import type { WaitingDelivery } from './stored-delivery.ts';

/** What one attempt made of a waiting delivery. Accepted + dead + left are all of its points. */
export interface Settled {
  readonly accepted: number;
  /** Whose the accepted ones are. */
  readonly acceptedOrigins: readonly Origin[];
  readonly letters: readonly DeadLetter[];
  readonly dead: readonly DeadPoints[];
  /** What is to be tried again; null when nothing is. */
  readonly left: { readonly delivery: WaitingDelivery; readonly retry: RetryPoints } | null;
}

export interface SettleOptions {
  readonly client: DataKitClient;
  readonly signal: AbortSignal;
  /** Requests that may be made at most; what is unsettled then is left. */
  readonly budget: number;
  /** How often the points were sent, this time included. */
  readonly attempts: number;
  readonly now: () => number;
}

/** Takes a delivery as far as it gets now: what is refused for good becomes letters, the rest is accepted or left. */
export async function settle(waiting: WaitingDelivery, options: SettleOptions): Promise<Settled> {
  const { client, signal, budget } = options;
  const resolution = await resolveDelivery(client, toDelivery(waiting), { signal, budget });
  const letters = resolution.dead.flatMap((dead) => lettersOf(waiting, dead, options));
  const { accepted, dead, retry } = resolution;
  const left = retry ? { delivery: leftOf(waiting, retry), retry } : null;
  const gone = new Set([...dead.flatMap(({ indexes }) => indexes), ...(retry?.indexes ?? [])]);
  const taken = waiting.points.flatMap((_, index) => (gone.has(index) ? [] : index));
  return { accepted, acceptedOrigins: selectShares(waiting.origins, taken), letters, dead, left };
}

function toDelivery({ destination, points }: WaitingDelivery): Delivery {
  return { ...destination, body: bodyOf(destination.form, points), lines: points, points: points.length };
}

function leftOf(waiting: WaitingDelivery, { indexes, cause }: RetryPoints): WaitingDelivery {
  return {
    ...waiting,
    points: indexes.flatMap((index) => waiting.points[index] ?? []),
    origins: selectShares(waiting.origins, indexes),
    reason: cause.message,
  };
}

/** One letter a point, so that each can be read, mended and replayed alone. */
function lettersOf(waiting: WaitingDelivery, dead: DeadPoints, options: SettleOptions): DeadLetter[] {
  return dead.indexes.map((index) =>
    letterOf(waiting, [waiting.points[index] ?? ''], selectShares(waiting.origins, [index]), {
      code: dead.code,
      message: messageOf(dead.answer, dead.code),
      answer: dead.answer,
      attempts: options.attempts,
      deadMs: options.now(),
    }),
  );
}

export interface Death {
  readonly code: string;
  readonly message: string;
  readonly answer: Answer | null;
  readonly attempts: number;
  readonly deadMs: number;
}

export function letterOf(
  { destination, sinceMs, history = [] }: Pick<WaitingDelivery, 'destination' | 'sinceMs' | 'history'>,
  points: readonly string[],
  origins: readonly Origin[],
  { code, message, answer, attempts, deadMs }: Death,
): DeadLetter {
  const form = destination.form ?? 'line-protocol';
  return {
    v: 1,
    reason: { code, message },
    answer: answer ? { status: answer.status, body: answer.body } : null,
    endpoint: destination.endpoint,
    category: destination.category,
    query: destination.query.map(([name, value]): [string, string] => [name, value]),
    form,
    body: bodyOf(form, points),
    points: points.length,
    origins: [...origins],
    attempts,
    sinceMs,
    deadMs,
    history: [...history],
  };
}

function messageOf(answer: Answer | null, code: string): string {
  return answer ? `DataKit answered ${answer.status}: ${answer.body.trim()}` : code;
}
