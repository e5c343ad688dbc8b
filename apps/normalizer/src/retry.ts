import { type DataKitClient, selectShares } from '@pythond/datakit';
import {
  type DeadLetter,
  type DeliverJob,
  deliverJobSchema,
  NewerRecordError,
  type Origin,
  refuseNewer,
} from '@pythond/jobs';
import {
  CorruptDeliveryError,
  GIVE_UP_AFTER_MS,
  type Loaded,
  letterOf,
  type Outbox,
  settle,
  type WaitingDelivery,
} from '@pythond/outbox';
import { type LatePolicy, lateIndexes } from '@pythond/points';
import type { JobContext, JobEnd } from '@pythond/queue';
import type { NormalizerEvent } from './events.ts';
import type { Turns } from './turns.ts';

export interface RetryDeps {
  readonly turns: Turns;
  /** Why nothing may go to a DataKit now, and for how long; null: it may. */
  readonly held: (endpoint: string) => { readonly reason: string; readonly afterMs: number } | null;
  readonly client: DataKitClient;
  readonly outbox: Pick<Outbox, 'load' | 'settle' | 'buryDamaged'>;
  /** What becomes of metrics that are late by now. */
  readonly late: LatePolicy;
  readonly emit: (event: NormalizerEvent) => void;
  readonly now: () => number;
}

/** So long a delivery to a DataKit that is held stays unread; later its points may be late, or its time may be over. */
const UNREAD_MS = 3600_000;
/** How long a delivery is left alone that only a newer normalizer can read. */
const LEFT_MS = 10_000;
/** Requests that one try may make: a batch full of bad points must not keep its DataKit's other deliveries waiting. */
const BUDGET = 200;

/**
 * One try of a delivery that waits. What is accepted or refused for good leaves it in one step with its count; a
 * normalizer that dies before that step sends the same points again, the same to the last digit.
 */
export async function retry(data: unknown, context: JobContext, deps: RetryDeps): Promise<JobEnd> {
  try {
    refuseNewer(deliverJobSchema, data, `the job of delivery ${context.id}`);
    return await tryOnce(data, context, deps);
  } catch (error) {
    if (!(error instanceof NewerRecordError)) throw error;
    deps.emit({ kind: 'left-for-newer', message: error.message });
    return { kind: 'later', afterMs: LEFT_MS };
  }
}

async function tryOnce(data: unknown, context: JobContext, deps: RetryDeps): Promise<JobEnd> {
  const job = deliverJobSchema.safeParse(data);
  if (!job.success) return { kind: 'give-up', reason: `this job names no delivery: ${job.error.message}` };
  const turn = deps.turns.take(job.data.endpoint);
  if ('waitMs' in turn) return { kind: 'later', afterMs: turn.waitMs };
  try {
    return await inTurn(job.data, context, deps);
  } finally {
    turn.end();
  }
}

async function inTurn(job: DeliverJob, context: JobContext, deps: RetryDeps): Promise<JobEnd> {
  const { delivery: id, endpoint, category, points } = job;
  const held = deps.held(endpoint);
  if (held && deps.now() - context.addedMs < UNREAD_MS) {
    const attempt = context.triesBefore + 1;
    deps.emit({ kind: 'still-waiting', endpoint, category, points, attempt, reason: held.reason });
    return { kind: 'again', ...held };
  }
  let loaded: Loaded | null;
  try {
    loaded = await deps.outbox.load(id);
  } catch (error) {
    if (!(error instanceof CorruptDeliveryError)) throw error;
    return buryDamaged(id, error, context, deps);
  }
  if (!loaded) return { kind: 'done' }; // settled before, or dropped
  if (deps.now() - loaded.delivery.sinceMs > GIVE_UP_AFTER_MS) return buryExpired(loaded, context, deps);
  const timely = await withoutLate(loaded, context, deps);
  return timely ? tryAgain(timely, context, deps) : { kind: 'done' };
}

/** Metrics that became late while they waited leave the delivery as one letter. Null when nothing else was in it. */
async function withoutLate(loaded: Loaded, context: JobContext, deps: RetryDeps): Promise<Loaded | null> {
  const { delivery } = loaded;
  const { destination, points, origins } = delivery;
  const late = lateIndexes(destination, points, deps.now(), deps.late);
  if (late.length === 0) return loaded;
  const isLate = new Set(late);
  const timely = points.flatMap((_, index) => (isLate.has(index) ? [] : index));
  const pick = (indexes: readonly number[]) => indexes.flatMap((index) => points[index] ?? []);
  const message = `more than 110 minutes old by now: DataKit would overwrite its time (late = "send" sends it all the same); at last: ${delivery.reason}`;
  const death = {
    code: 'late',
    message,
    answer: null,
    attempts: triesOf(delivery, context),
    deadMs: deps.now(),
  };
  const letters = [letterOf(delivery, pick(late), selectShares(origins, late), death)];
  const left = { ...delivery, points: pick(timely), origins: selectShares(origins, timely) };
  const settlement = { accepted: [], letters, left: timely.length > 0 ? left : null };
  if (await deps.outbox.settle(loaded, settlement)) tellOfLetters(letters, deps.emit);
  return deps.outbox.load(delivery.id);
}

async function tryAgain(loaded: Loaded, context: JobContext, deps: RetryDeps): Promise<JobEnd> {
  const { client, outbox, emit, now } = deps;
  const { signal } = context;
  const waiting = loaded.delivery;
  const attempt = triesOf(waiting, context) + 1;
  const settled = await settle(waiting, { client, signal, budget: BUDGET, attempts: attempt, now });
  const { accepted, acceptedOrigins, letters } = settled;
  const left = settled.left?.delivery ?? null;
  if (accepted > 0 || letters.length > 0) {
    const kept = await outbox.settle(loaded, { accepted: acceptedOrigins, letters, left });
    if (!kept) return { kind: 'done' };
  }
  const { endpoint, category } = waiting.destination;
  const collectors = collectorsOf(waiting.origins);
  tellOfLetters(letters, emit);
  if (accepted > 0) emit({ kind: 'delivered', endpoint, category, points: accepted, collectors, attempt });
  if (!settled.left) return { kind: 'done' };
  if (signal.aborted) return { kind: 'back' };
  if (settled.left.retry.cause.code === 'budget') return { kind: 'later', afterMs: 0 };
  const { points, reason } = settled.left.delivery;
  emit({ kind: 'still-waiting', endpoint, category, points: points.length, attempt, reason });
  const { afterMs, cause } = settled.left.retry;
  // a server that asked for patience says how long; a back-off that grew in its outage would make that a minute
  const exactly = cause.code === 'throttled' && afterMs !== null;
  return { kind: 'again', reason, afterMs: afterMs ?? 0, exactly };
}

async function buryExpired(loaded: Loaded, context: JobContext, deps: RetryDeps): Promise<JobEnd> {
  const { delivery } = loaded;
  const message = `not accepted for ${GIVE_UP_AFTER_MS / 3_600_000} hours; at last: ${delivery.reason}`;
  const death = {
    code: 'expired',
    message,
    answer: null,
    attempts: triesOf(delivery, context),
    deadMs: deps.now(),
  };
  const letters = [letterOf(delivery, delivery.points, delivery.origins, death)];
  if (await deps.outbox.settle(loaded, { accepted: [], letters, left: null })) {
    tellOfLetters(letters, deps.emit);
  }
  return { kind: 'done' };
}

/** What is left of it is kept as it was found: somebody may want to look. */
async function buryDamaged(
  id: string,
  { code, message }: CorruptDeliveryError,
  context: JobContext,
  { outbox, emit, now }: RetryDeps,
): Promise<JobEnd> {
  const death = { code, message, answer: null, attempts: context.triesBefore, deadMs: now() };
  const letter = await outbox.buryDamaged(id, (salvaged, body) => ({
    ...letterOf(salvaged, [], salvaged.origins, death),
    form: 'reported',
    body,
    points: Math.max(1, pointsOf(salvaged.origins)),
  }));
  if (letter) tellOfLetters([letter], emit);
  return { kind: 'done' };
}

/** How often it was sent before this try. */
function triesOf({ tries }: WaitingDelivery, { triesBefore }: JobContext): number {
  return tries + triesBefore;
}

function pointsOf(origins: readonly Origin[]): number {
  return origins.reduce((sum, { points }) => sum + points, 0);
}

function tellOfLetters(letters: readonly DeadLetter[], emit: RetryDeps['emit']): void {
  for (const { category, points, origins, reason } of letters) {
    emit({ kind: 'dead', category, points, collectors: collectorsOf(origins), ...reason });
  }
}

function collectorsOf(origins: readonly Origin[]): string[] {
  return [...new Set(origins.map(({ collector }) => collector))];
}
