import type { DataKitClient } from '@pythond/datakit';
import type { DeadLetter, Origin } from '@pythond/jobs';
import {
  CorruptDeliveryError,
  type Death,
  GIVE_UP_AFTER_MS,
  letterOf,
  loadDelivery,
  type Outbox,
  settle,
  storeDelivery,
  type WaitingDelivery,
} from '@pythond/outbox';
import type { JobContext, JobEnd } from '@pythond/queue';
import type { NormalizerEvent } from './events.ts';

export interface RetryDeps {
  readonly client: DataKitClient;
  readonly outbox: Pick<Outbox, 'bury'>;
  readonly emit: (event: NormalizerEvent) => void;
  readonly now: () => number;
}

/**
 * One try of a delivery that waits. What is accepted or refused for good leaves it; the rest is written back before
 * the next try, so that nothing accepted goes twice. Dead letters are in Redis before their points leave the delivery.
 */
export async function retry(data: unknown, context: JobContext, deps: RetryDeps): Promise<JobEnd> {
  let waiting: WaitingDelivery;
  try {
    waiting = await loadDelivery(context.id, data);
  } catch (error) {
    if (!(error instanceof CorruptDeliveryError)) throw error;
    return buryDamaged(data, error, context, deps);
  }
  if (deps.now() - waiting.sinceMs > GIVE_UP_AFTER_MS) return buryExpired(waiting, context, deps);
  return tryAgain(waiting, context, deps);
}

async function tryAgain(waiting: WaitingDelivery, context: JobContext, deps: RetryDeps): Promise<JobEnd> {
  const { client, outbox, emit, now } = deps;
  const { signal, attempt } = context;
  const settled = await settle(waiting, { client, signal, attempts: attempt + 1, now });
  const { endpoint, category } = waiting.destination;
  const collectors = collectorsOf(waiting.origins);
  if (settled.letters.length > 0) await outbox.bury(settled.letters);
  tellOfLetters(settled.letters, emit);
  if (settled.accepted > 0) {
    emit({ kind: 'delivered', endpoint, category, points: settled.accepted, collectors, attempt });
  }
  if (!settled.left) return { kind: 'done' };
  const { delivery, retry: left } = settled.left;
  if (delivery.points.length < waiting.points.length) await context.update(await storeDelivery(delivery));
  if (signal.aborted) return { kind: 'back' };
  const { points, reason } = delivery;
  emit({ kind: 'still-waiting', endpoint, category, points: points.length, attempt, reason });
  return { kind: 'again', reason, afterMs: left.afterMs ?? 0 };
}

async function buryExpired(waiting: WaitingDelivery, context: JobContext, deps: RetryDeps): Promise<JobEnd> {
  const message = `not accepted for ${GIVE_UP_AFTER_MS / 3_600_000} hours; at last: ${waiting.reason}`;
  const death = { code: 'expired', message, answer: null, attempts: context.attempt, deadMs: deps.now() };
  return bury([letterOf(waiting, waiting.points, waiting.origins, death)], deps);
}

/** What is left of it is kept as it was found: somebody may want to look. */
async function buryDamaged(
  data: unknown,
  { code, message }: CorruptDeliveryError,
  context: JobContext,
  deps: RetryDeps,
): Promise<JobEnd> {
  const death: Death = { code, message, answer: null, attempts: context.attempt - 1, deadMs: deps.now() };
  const { category, endpoint, points, origins, sinceMs } = readable(data);
  const waiting = {
    destination: { endpoint, category, query: [] },
    points: [],
    origins,
    sinceMs,
    reason: '',
  };
  const letter: DeadLetter = {
    ...letterOf(waiting, [], origins, death),
    form: 'json',
    body: JSON.stringify(data),
    points,
  };
  return bury([letter], deps);
}

/** The parts of a damaged delivery that can still be made out. */
function readable(data: unknown) {
  const fields = typeof data === 'object' && data !== null ? (data as Record<string, unknown>) : {};
  const text = (key: string) => (typeof fields[key] === 'string' ? fields[key] : 'unknown');
  const number = (key: string) => (typeof fields[key] === 'number' ? fields[key] : 0);
  return {
    category: text('category'),
    endpoint: text('endpoint'),
    points: Math.max(1, Math.trunc(number('points'))),
    sinceMs: number('sinceMs'),
    origins: Array.isArray(fields['origins']) ? (fields['origins'] as Origin[]) : [],
  };
}

async function bury(letters: readonly DeadLetter[], { outbox, emit }: RetryDeps): Promise<JobEnd> {
  await outbox.bury(letters);
  tellOfLetters(letters, emit);
  return { kind: 'done' };
}

function tellOfLetters(letters: readonly DeadLetter[], emit: RetryDeps['emit']): void {
  for (const { category, points, origins, reason } of letters) {
    emit({ kind: 'dead', category, points, collectors: collectorsOf(origins), ...reason });
  }
}

function collectorsOf(origins: readonly Origin[]): string[] {
  return [...new Set(origins.map(({ collector }) => collector))];
}
