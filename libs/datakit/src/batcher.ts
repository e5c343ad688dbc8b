import { type Batch, type BatchLine, type BatchResult, Entry, type Outcome } from './batch.ts';
import { BatchLane, type LaneOptions } from './batch-lane.ts';
import { type Clock, systemClock } from './clock.ts';
import type { Destination } from './delivery.ts';
import { BatcherClosedError } from './errors.ts';

export interface BatcherOptions<O> {
  /** Per batch. Default 1,000. */
  readonly maxPoints?: number;
  /** Per batch, uncompressed. Default 1 MiB. */
  readonly maxBytes?: number;
  /** The longest that a line waits for company. Default 100 ms. */
  readonly maxWaitMs?: number;
  /** The least between two batches of one queue that are not full. Default 25 ms: half of a route's rate. */
  readonly spacingMs?: number;
  /** Batches in flight at once, per endpoint. Default 4. */
  readonly concurrency?: number;
  /** Bytes queued and in flight, per endpoint; an add beyond waits its turn. Default 32 MiB. */
  readonly maxHeldBytes?: number;
  /**
   * Settles one batch: sends it, and puts by what is to be retried or is dead, for all origins in one go. What it
   * tells is passed on to each origin; when it throws, its points come back as unsent.
   */
  readonly send: (batch: Batch<O>, signal: AbortSignal) => Promise<BatchResult>;
  readonly clock?: Clock;
}

export interface Batcher<O> {
  /** Sends lines in batches with those of others. Never rejects: every line is in one place of the outcome. */
  add(destination: Destination, lines: readonly BatchLine[], origin: O): Promise<Outcome>;
  /** Bytes that were added and are not settled. */
  heldBytes(): number;
  /**
   * Sends all that waits without further waiting, and resolves when everything is settled. When the signal aborts,
   * so do the sends in flight, and what is in no batch comes back unsent. Adds from now on come back unsent.
   */
  close(signal: AbortSignal): Promise<void>;
}

const SWEEP_ABOVE = 64;

export function createBatcher<O>(options: BatcherOptions<O>): Batcher<O> {
  const { clock = systemClock } = options;
  const stopping = new AbortController();
  const laneOptions = laneOptionsOf(options, clock, stopping.signal);
  const lanes = new Map<string, BatchLane<O>>();
  const unsettled = new Set<Promise<Outcome>>();
  let closed = false;

  function laneOf(endpoint: string): BatchLane<O> {
    const known = lanes.get(endpoint);
    if (known) return known;
    if (lanes.size >= SWEEP_ABOVE) {
      for (const [idleEndpoint, { idle }] of lanes) if (idle) lanes.delete(idleEndpoint);
    }
    const lane = new BatchLane(laneOptions);
    lanes.set(endpoint, lane);
    return lane;
  }

  function stop(reason: unknown): void {
    stopping.abort(reason);
    for (const lane of lanes.values()) lane.abandon(new BatcherClosedError({ cause: reason }));
  }

  return {
    add(destination, lines, origin) {
      const entry = new Entry(origin, lines, clock.now());
      const { outcome } = entry;
      if (lines.length === 0) return outcome;
      if (closed) {
        entry.unsent({ indexes: lines.map((_, index) => index), error: new BatcherClosedError() });
        return outcome;
      }
      unsettled.add(outcome);
      void outcome.then(() => unsettled.delete(outcome));
      laneOf(destination.endpoint).add(destination, entry);
      return outcome;
    },
    heldBytes: () => [...lanes.values()].reduce((sum, lane) => sum + lane.bytes, 0),
    async close(signal) {
      closed = true;
      const onAborted = () => stop(signal.reason);
      if (signal.aborted) onAborted();
      else signal.addEventListener('abort', onAborted, { once: true });
      for (const lane of lanes.values()) lane.hurry();
      await Promise.all(unsettled);
      signal.removeEventListener('abort', onAborted);
    },
  };
}

function laneOptionsOf<O>(options: BatcherOptions<O>, clock: Clock, signal: AbortSignal): LaneOptions<O> {
  const { maxPoints = 1000, maxBytes = 1024 * 1024, maxWaitMs = 100, spacingMs = 25 } = options;
  const { concurrency = 4, maxHeldBytes = 32 * 1024 * 1024, send } = options;
  return {
    limits: { maxPoints, maxBytes },
    timing: { maxWaitMs, spacingMs },
    concurrency,
    maxHeldBytes,
    send: (batch) => send(batch, signal),
    clock,
  };
}
