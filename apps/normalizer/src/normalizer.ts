import { createDataKitClient, createEndpointHealth, createPacer, type DataKitClient } from '@pythond/datakit';
import { type Component, fullJitter, runAll } from '@pythond/lifecycle';
import { Outbox } from '@pythond/outbox';
import { connect, JobWorker, queueNames, type Redis, type RedisTarget } from '@pythond/queue';
import type { Logger } from '@pythond/telemetry';
import type { NormalizerEvent } from './events.ts';
import { retry } from './retry.ts';

export interface NormalizerOptions {
  readonly redis: RedisTarget;
  readonly log: Logger;
  readonly onEvent?: (event: NormalizerEvent) => void;
}

/** Deliveries in hand at once, over all endpoints. */
const CONCURRENCY = 16;
const RETRY_BASE_MS = 1_000;
const RETRY_CAP_MS = 60_000;
/** Starts a second over the whole fleet: under DataKit's own limit for one address. */
const LIMITER = { max: 80, duration: 1_000 };
const DRAIN_MS = 12_000;

/** Tries again what workers could not deliver, and buries what is refused for good. Any number may run. */
export class Normalizer implements Component {
  readonly name = 'normalizer';
  readonly #options: NormalizerOptions;
  readonly #redis: Redis;
  readonly #blocking: Redis;
  readonly #outbox: Outbox;
  readonly #client: DataKitClient;
  #worker: JobWorker | undefined;

  constructor(options: NormalizerOptions) {
    this.#options = options;
    const { log } = options;
    const onError = (error: Error) => log.warn({ err: error }, 'redis connection');
    this.#redis = connect(options.redis, 'failing', onError);
    this.#blocking = connect(options.redis, 'waiting', onError);
    this.#outbox = new Outbox(this.#redis);
    const onChange = (change: object) => log.warn(change, 'endpoint');
    this.#client = createDataKitClient({ pacer: createPacer(), health: createEndpointHealth({ onChange }) });
  }

  async start(): Promise<void> {
    const deps = {
      client: this.#client,
      outbox: this.#outbox,
      emit: (event: NormalizerEvent) => this.#emit(event),
      now: Date.now,
    };
    this.#worker = new JobWorker({
      queue: queueNames.deliver,
      connection: this.#blocking,
      concurrency: CONCURRENCY,
      process: (data, context) => retry(data, context, deps),
      onError: (error) => this.#options.log.warn({ err: error }, 'deliver queue'),
      backoffMs: (attempt) =>
        fullJitter({ baseMs: RETRY_BASE_MS, capMs: RETRY_CAP_MS, attempt, random: Math.random }),
      limiter: LIMITER,
      keep: 100,
      maxStarts: null,
    });
    await this.#worker.ready();
  }

  async stop(): Promise<void> {
    await runAll([
      () => this.#worker?.stop(DRAIN_MS),
      () => this.#client.close(),
      () => this.#outbox.close(),
      () => this.#redis.disconnect(),
      () => this.#blocking.disconnect(),
    ]);
  }

  #emit(event: NormalizerEvent): void {
    const level = event.kind === 'delivered' ? 'info' : 'warn';
    this.#options.log[level](event);
    this.#options.onEvent?.(event);
  }
}
