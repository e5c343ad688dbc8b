import {
  type Batch,
  type Batcher,
  type BatchResult,
  createBatcher,
  createDataKitClient,
  createEndpointHealth,
  createPacer,
  type DataKitClient,
  type DeadPoints,
  type Destination,
  type RetryPoints,
} from '@pythond/datakit';
import type { DeadLetter, Origin } from '@pythond/jobs';
import { fullJitter, pause } from '@pythond/lifecycle';
import { type Outbox, type Settled, settle, type WaitingDelivery } from '@pythond/outbox';
import type { NormalisedPoint } from '@pythond/points';
import type { Logger } from '@pythond/telemetry';
import type { WorkerEvent } from './events.ts';
import type { Outlet, PointCounts, RunOrigin } from './outlet.ts';

export interface DeliveryOptions {
  readonly outbox: Pick<Outbox, 'wait' | 'bury'>;
  readonly log: Logger;
  readonly emit: (event: WorkerEvent) => void;
}

/** Before the normalizer tries what this worker could not deliver. */
const FIRST_RETRY_MS = 1_000;
const HOLD_BASE_MS = 500;
const HOLD_CAP_MS = 10_000;

/**
 * The way out of a worker: points of many runs in batches to DataKit; what is not accepted to the outbox.
 *
 * What neither DataKit nor Redis takes is held here until Redis does; the runs that wait for it keep their places, so a
 * worker that can put its points nowhere stops taking work by itself.
 */
export class Delivery implements Outlet {
  readonly #options: DeliveryOptions;
  readonly #client: DataKitClient;
  readonly #batcher: Batcher<RunOrigin>;

  constructor(options: DeliveryOptions) {
    this.#options = options;
    const onChange = (change: object) => options.log.warn(change, 'endpoint');
    this.#client = createDataKitClient({ pacer: createPacer(), health: createEndpointHealth({ onChange }) });
    this.#batcher = createBatcher({ send: (batch, signal) => this.#send(batch, signal) });
  }

  async deliver(
    destination: Destination,
    points: readonly NormalisedPoint[],
    origin: RunOrigin,
  ): Promise<PointCounts> {
    const asJson = points.filter((point) => point.json !== undefined);
    if (asJson.length === 0) return this.#add(destination, points, origin);
    const asLines = points.filter((point) => point.json === undefined);
    const [lines, json] = await Promise.all([
      this.#add(destination, asLines, origin),
      this.#add({ ...destination, form: 'json' }, asJson, origin),
    ]);
    return {
      delivered: lines.delivered + json.delivered,
      queued: lines.queued + json.queued,
      dead: lines.dead + json.dead,
    };
  }

  /** Resolves when the letters are in Redis, however long that is away. */
  async bury(letters: readonly DeadLetter[]): Promise<void> {
    const { outbox, log, emit } = this.#options;
    await untilDone(() => outbox.bury(letters), log, new AbortController().signal);
    for (const { category, points, origins, reason } of letters) {
      emit({ kind: 'dead', category, points, collectors: collectorsOf(origins), ...reason });
    }
  }

  /** Sends all that waits; what can't be sent by then goes to the outbox. */
  async stop(): Promise<void> {
    await this.#batcher.close(AbortSignal.timeout(5_000));
    await this.#client.close();
  }

  async #add(
    destination: Destination,
    points: readonly NormalisedPoint[],
    origin: RunOrigin,
  ): Promise<PointCounts> {
    if (points.length === 0) return { delivered: 0, queued: 0, dead: 0 };
    const lines = points.map(({ line, json }) => ({ line: json ?? line }));
    const outcome = await this.#batcher.add(destination, lines, origin);
    const unsent = outcome.unsent.flatMap(({ indexes }) => indexes);
    if (unsent.length > 0) {
      await this.#put({
        destination,
        points: unsent.flatMap((index) => lines[index]?.line ?? []),
        origins: [{ ...origin, points: unsent.length }],
        sinceMs: Date.now(),
        reason: outcome.unsent[0]?.error.message ?? 'not sent',
      });
    }
    return {
      delivered: outcome.accepted,
      queued: unsent.length + count(outcome.retry),
      dead: count(outcome.dead),
    };
  }

  async #send(batch: Batch<RunOrigin>, signal: AbortSignal): Promise<BatchResult> {
    const askedMs = performance.now();
    const waiting = toWaiting(batch);
    const settled = await settle(waiting, { client: this.#client, signal, attempts: 1, now: Date.now });
    if (settled.letters.length > 0) await this.bury(settled.letters);
    if (settled.left) await this.#put(settled.left.delivery);
    this.#tell(waiting, settled, performance.now() - askedMs);
    return { dead: settled.dead, retry: settled.left?.retry ?? null };
  }

  async #put(delivery: WaitingDelivery): Promise<void> {
    const { outbox, log } = this.#options;
    await untilDone(() => outbox.wait(delivery, FIRST_RETRY_MS), log, new AbortController().signal);
  }

  #tell({ destination, origins }: WaitingDelivery, { accepted, left }: Settled, tookMs: number): void {
    const { endpoint, category } = destination;
    const { emit } = this.#options;
    const collectors = collectorsOf(origins);
    if (accepted > 0) emit({ kind: 'delivered', endpoint, category, points: accepted, collectors, tookMs });
    if (!left) return;
    const { points, reason } = left.delivery;
    emit({ kind: 'queued', endpoint, category, points: points.length, collectors, reason });
  }
}

function toWaiting({ endpoint, category, query, form, lines, origins }: Batch<RunOrigin>): WaitingDelivery {
  return {
    destination: { endpoint, category, query, ...(form ? { form } : {}) },
    points: lines,
    origins: origins.map(({ origin, points }) => ({ ...origin, points })),
    sinceMs: Date.now(),
    reason: '',
  };
}

function collectorsOf(origins: readonly Pick<Origin, 'collector'>[]): string[] {
  return [...new Set(origins.map(({ collector }) => collector))];
}

function count(groups: readonly (Pick<DeadPoints, 'indexes'> | Pick<RetryPoints, 'indexes'>)[]): number {
  return groups.reduce((sum, { indexes }) => sum + indexes.length, 0);
}

async function untilDone(run: () => Promise<void>, log: Logger, signal: AbortSignal): Promise<void> {
  for (let attempt = 1; !signal.aborted; attempt += 1) {
    try {
      return await run();
    } catch (error) {
      log.error({ err: error, attempt }, 'points are held in memory: Redis does not take them');
      await pause(
        fullJitter({ baseMs: HOLD_BASE_MS, capMs: HOLD_CAP_MS, attempt, random: Math.random }),
        signal,
      );
    }
  }
}
