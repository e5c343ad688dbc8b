import { randomUUID } from 'node:crypto';
import {
  type Batch,
  type Batcher,
  type BatchResult,
  createBatcher,
  createDataKitClient,
  createEndpointHealth,
  createPacer,
  type DataKitClient,
  type DataKitClientOptions,
  type DeadPoints,
  type Destination,
  type RetryPoints,
  tellHealth,
} from '@pythond/datakit';
import type { DeadLetter, Origin } from '@pythond/jobs';
import { fullJitter, pause } from '@pythond/lifecycle';
import { type Outbox, type Settled, settle, type WaitingDelivery } from '@pythond/outbox';
import type { NormalisedPoint } from '@pythond/points';
import type { Logger } from '@pythond/telemetry';
import type { WorkerEvent } from './events.ts';
import type { Outlet, PointCounts, RunOrigin } from './outlet.ts';

export interface DeliveryOptions {
  readonly outbox: Pick<Outbox, 'wait' | 'withdraw' | 'bury'>;
  /** How requests are paced, and when they give way; the default: a pace of this process's own, and never. */
  readonly datakit?: Pick<DataKitClientOptions, 'pacer' | 'giveWay'>;
  readonly log: Logger;
  readonly emit: (event: WorkerEvent) => void;
}

/** Requests for one batch: taking apart one that is full of bad points is the normalizer's work. */
const BUDGET = 100;
/** Before the normalizer tries what this worker could not deliver. */
const FIRST_RETRY_MS = 1_000;
const IN_USE_MS = 300_000;
const HOLD_BASE_MS = 500;
const HOLD_CAP_MS = 10_000;
/** How long stopping waits for batches in flight, and then for Redis to take what is left. */
const STOP_SENDING_MS = 4_000;
const STOP_HOLDING_MS = 10_000;

/**
 * The way out of a worker: points of many runs in batches to DataKit; what is not accepted to the outbox.
 *
 * A batch is *sending* until DataKit accepted it, *waiting* once it is in the outbox, and *held* while neither takes it:
 * then both are tried again, with back-off. The runs whose points are held keep their places, so a worker that can put
 * its points nowhere stops taking work by itself. Only a worker that has to stop then *drops* what it holds, and says so.
 */
export class Delivery implements Outlet {
  readonly #options: DeliveryOptions;
  readonly #client: DataKitClient;
  readonly #batcher: Batcher<RunOrigin>;
  /** When points last went to each DataKit. */
  readonly #usedMs = new Map<string, number>();
  /** Fires when holding on any longer is no use: the worker ends. */
  #stopped: Promise<void> | undefined;
  readonly #givingUp = new AbortController();

  constructor(options: DeliveryOptions) {
    this.#options = options;
    const health = createEndpointHealth({ onChange: tellHealth(options.log) });
    this.#client = createDataKitClient({ pacer: createPacer(), ...options.datakit, health });
    this.#batcher = createBatcher({ send: (batch, signal) => this.#send(batch, signal) });
  }

  async deliver(
    destination: Destination,
    points: readonly NormalisedPoint[],
    origin: RunOrigin,
  ): Promise<PointCounts> {
    this.#usedMs.set(destination.endpoint, performance.now());
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

  /** Whether points went to more than one DataKit lately: then one of them may delay what goes to another. */
  get hasSeveralDatakits(): boolean {
    const sinceMs = performance.now() - IN_USE_MS;
    for (const [endpoint, usedMs] of this.#usedMs) if (usedMs < sinceMs) this.#usedMs.delete(endpoint);
    return this.#usedMs.size > 1;
  }

  /** Resolves when the letters are in Redis, however long that is away. */
  async bury(letters: readonly DeadLetter[], firstPlace = 0): Promise<void> {
    const { outbox, emit } = this.#options;
    await this.#untilDone(() => outbox.bury(letters, firstPlace));
    for (const { category, points, origins, reason } of letters) {
      emit({ kind: 'dead', category, points, collectors: collectorsOf(origins), ...reason });
    }
  }

  /** Sends all that waits; what can't be sent by then, or comes later, goes to the outbox. Only the first call counts. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    const timer = setTimeout(() => this.#givingUp.abort(), STOP_SENDING_MS + STOP_HOLDING_MS);
    try {
      await this.#batcher.close(AbortSignal.timeout(STOP_SENDING_MS));
      await this.#client.close();
    } finally {
      clearTimeout(timer);
    }
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
      await this.#keep({
        id: randomUUID(),
        destination,
        points: unsent.flatMap((index) => lines[index]?.line ?? []),
        origins: [{ ...origin, points: unsent.length }],
        sinceMs: Date.now(),
        tries: 0,
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
    const dead: DeadPoints[] = [];
    let waiting = toWaiting(batch);
    let positions: readonly number[] | null = null; // of what is left, in the batch; null: all of it
    let mayWait = false; // Redis may have taken it without an answer
    for (let attempt = 1; ; attempt += 1) {
      const askedMs = performance.now();
      const settled = await settle(waiting, {
        client: this.#client,
        signal,
        budget: BUDGET,
        attempts: attempt,
        now: Date.now,
      });
      if (settled.letters.length > 0) await this.bury(settled.letters);
      dead.push(
        ...settled.dead.map((points) => ({ ...points, indexes: inBatch(points.indexes, positions) })),
      );
      this.#tell(waiting, settled, performance.now() - askedMs);
      if (!settled.left) {
        if (mayWait) await this.#untilDone(() => this.#options.outbox.withdraw(waiting.id));
        return { dead, retry: null };
      }
      const { retry } = settled.left;
      const delivery = { ...settled.left.delivery, tries: attempt };
      positions = inBatch(retry.indexes, positions);
      if (await this.#put(delivery, attempt)) return { dead, retry: { ...retry, indexes: positions } };
      mayWait = true;
      waiting = delivery;
      if (!(await this.#holdOn(attempt, signal))) {
        await this.#untilDone(() => this.#wait(delivery));
        return { dead, retry: { ...retry, indexes: positions } };
      }
    }
  }

  /** One try to put a delivery into the outbox. */
  async #put(delivery: WaitingDelivery, attempt: number): Promise<boolean> {
    try {
      await this.#wait(delivery);
      return true;
    } catch (error) {
      const { points, reason } = delivery;
      this.#options.log.error(
        { err: error, attempt, points: points.length, reason },
        'points are held in memory: neither DataKit nor Redis takes them',
      );
      return false;
    }
  }

  /** @returns false when the worker stops, and there is no more time */
  async #holdOn(attempt: number, signal: AbortSignal): Promise<boolean> {
    const ms = fullJitter({ baseMs: HOLD_BASE_MS, capMs: HOLD_CAP_MS, attempt, random: Math.random });
    await pause(ms, signal);
    return !signal.aborted;
  }

  /** Points that no batch took any more, since the worker stops. */
  async #keep(delivery: WaitingDelivery): Promise<void> {
    await this.#untilDone(() => this.#wait(delivery));
  }

  async #wait(delivery: WaitingDelivery): Promise<void> {
    const dropped = await this.#options.outbox.wait(delivery, FIRST_RETRY_MS);
    if (dropped > 0)
      this.#options.log.error({ deliveries: dropped }, 'the outbox is full: the first made room');
  }

  async #untilDone(run: () => Promise<void>): Promise<void> {
    const { signal } = this.#givingUp;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await run();
      } catch (error) {
        const last = signal.aborted;
        const what = last
          ? 'points are dropped: the worker ends and Redis takes nothing'
          : 'Redis takes nothing; trying again';
        this.#options.log.error({ err: error, attempt }, what);
        if (last) return;
        await pause(
          fullJitter({ baseMs: HOLD_BASE_MS, capMs: HOLD_CAP_MS, attempt, random: Math.random }),
          signal,
        );
      }
    }
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
    id: randomUUID(),
    destination: { endpoint, category, query, ...(form ? { form } : {}) },
    points: lines,
    origins: origins.map(({ origin, points }) => ({ ...origin, points })),
    sinceMs: Date.now(),
    tries: 0,
    reason: '',
  };
}

function collectorsOf(origins: readonly Pick<Origin, 'collector'>[]): string[] {
  return [...new Set(origins.map(({ collector }) => collector))];
}

function count(groups: readonly (Pick<DeadPoints, 'indexes'> | Pick<RetryPoints, 'indexes'>)[]): number {
  return groups.reduce((sum, { indexes }) => sum + indexes.length, 0);
}

/** Where positions of what was left stand in the batch that it was left of. */
function inBatch(indexes: readonly number[], positions: readonly number[] | null): readonly number[] {
  return positions === null ? indexes : indexes.map((index) => positions[index] ?? index);
}
