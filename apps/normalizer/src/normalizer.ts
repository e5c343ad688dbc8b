import { hostname } from 'node:os';
import {
  createDataKitClient,
  createEndpointHealth,
  createSharedPacer,
  type DataKitClient,
  type EndpointHealth,
  DEFAULT_PER_SECOND as PER_SECOND,
  tellHealth,
} from '@pythond/datakit';
import { Ledger, LossWatch } from '@pythond/ledger';
import { type Component, fullJitter, Recurring, runAll } from '@pythond/lifecycle';
import { DeadLetters, Outbox, type OutboxOptions } from '@pythond/outbox';
import type { LatePolicy } from '@pythond/points';
import { connect, ErrorReports, JobWorker, queueNames, type Redis, type RedisTarget } from '@pythond/queue';
import { Fleet, Rates } from '@pythond/registry';
import type { Logger } from '@pythond/telemetry';
import type { NormalizerEvent } from './events.ts';
import { FLEET_METRIC_MS, fleetMetric } from './fleet-metric.ts';
import { type RetryDeps, retry } from './retry.ts';
import { eventOf } from './tell.ts';
import { Turns } from './turns.ts';

export interface NormalizerOptions {
  readonly redis: RedisTarget;
  /** What Redis keeps of what was not accepted. */
  readonly outbox: OutboxOptions;
  /** What becomes of metrics that become late while they wait. */
  readonly late: LatePolicy;
  /** Where the fleet's own events go; null: to what the scheduler published. */
  readonly datakit: string | null;
  /** Dead letters are dropped after it. */
  readonly deadLetterAgeMs: number;
  /** Whether DataKit gets the ledger as a metric, once a minute. */
  readonly fleetMetrics: boolean;
  /** How often it looks for deliveries without a job, for dead letters that are too old, and whether Redis lost points. */
  readonly tidyMs?: number;
  readonly log: Logger;
  readonly onEvent?: (event: NormalizerEvent) => void;
}

/** Deliveries in hand at once, over all DataKits, and to one of them: several may hang, and the rest goes on. */
const CONCURRENCY = 64;
const IN_HAND_EACH = 8;
const RETRY_BASE_MS = 1_000;
const RETRY_CAP_MS = 60_000;
/** Starts a second over the whole fleet. The rate to a DataKit is the pacer's affair; this bounds what Redis is asked. */
const LIMITER = { max: 1_000, duration: 1_000 };
const DRAIN_MS = 12_000;
/** The default of `tidyMs`. */
const TIDY_MS = 30_000;
/** A burst of dead letters is one event. */
const TELL_MS = 30_000;

/** Tries again what workers could not deliver, and buries what is refused for good. Any number may run. */
export class Normalizer implements Component {
  readonly name = 'normalizer';
  readonly #options: NormalizerOptions;
  readonly #redis: Redis;
  readonly #blocking: Redis;
  readonly #outbox: Outbox;
  readonly #letters: DeadLetters;
  readonly #losses: LossWatch;
  readonly #tidying: Recurring;
  readonly #telling: Recurring;
  readonly #measuring: Recurring;
  readonly #client: DataKitClient;
  readonly #health: EndpointHealth;
  #worker: JobWorker | undefined;

  constructor(options: NormalizerOptions) {
    this.#options = options;
    const { log } = options;
    const reports = new ErrorReports((error, before) => log.warn({ err: error, before }, 'redis connection'));
    const onError = (error: Error) => reports.add(error);
    this.#redis = connect(options.redis, 'failing', onError);
    this.#blocking = connect(options.redis, 'waiting', onError);
    this.#outbox = new Outbox(this.#redis, options.outbox);
    this.#letters = new DeadLetters(this.#redis);
    this.#losses = new LossWatch(this.#redis);
    this.#tidying = new Recurring(
      () => this.#tidy(),
      options.tidyMs ?? TIDY_MS,
      (error) => log.warn({ err: error }, 'tidying the outbox: will be tried again'),
    );
    this.#telling = new Recurring(
      () => this.#tell(),
      TELL_MS,
      (error) => log.warn({ err: error }, 'telling of dead letters: will be tried again'),
    );
    this.#measuring = new Recurring(
      () => this.#measure(),
      FLEET_METRIC_MS,
      (error) => log.warn({ err: error }, 'the metric of the ledger: will be tried again'),
    );
    this.#health = createEndpointHealth({ onChange: tellHealth(log) });
    this.#client = createDataKitClient({
      // the workers of this machine send from the same address
      pacer: createSharedPacer({ source: new Rates(this.#redis, { source: hostname() }) }),
      health: this.#health,
    });
  }

  async start(): Promise<void> {
    const deps: RetryDeps = {
      turns: new Turns({ most: IN_HAND_EACH, perSecond: PER_SECOND, now: () => performance.now() }),
      held: (endpoint) => this.#held(endpoint),
      client: this.#client,
      outbox: this.#outbox,
      late: this.#options.late,
      emit: (event) => this.#emit(event),
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
    await this.#tidy();
    this.#tidying.start();
    this.#telling.start();
    if (this.#options.fleetMetrics) this.#measuring.start();
  }

  async stop(): Promise<void> {
    await runAll([
      () => this.#tidying.stop(),
      () => this.#telling.stop(),
      () => this.#measuring.stop(),
      () => this.#worker?.stop(DRAIN_MS),
      () => this.#client.close(),
      () => this.#outbox.close(),
      () => this.#letters.close(),
      () => this.#redis.disconnect(),
      () => this.#blocking.disconnect(),
    ]);
  }

  async #tidy(): Promise<void> {
    const { log, deadLetterAgeMs } = this.#options;
    const lost = await this.#losses.look();
    if (lost > 0)
      log.error(
        { points: lost },
        'Redis has lost its data, and with it points that waited or were dead letters',
      );
    const adopted = await this.#outbox.adopt();
    if (adopted > 0) log.warn({ deliveries: adopted }, 'deliveries had lost their place in the queue');
    const old = await this.#letters.expire(Date.now() - deadLetterAgeMs);
    if (old.letters > 0) log.warn(old, 'dead letters were too old and are dropped');
  }

  /** Events wait in the outbox as all points do. Without a DataKit to tell there is nobody to tell. */
  async #tell(): Promise<void> {
    const endpoint = await this.#ownDatakit();
    if (endpoint === null) return;
    for (const tidings of await this.#letters.takeUntold()) {
      try {
        await this.#outbox.wait(eventOf(tidings, endpoint, Date.now()), 0);
      } catch (error) {
        this.#options.log.warn({ err: error, ...tidings }, 'DataKit will be told later');
        await this.#letters.untell(tidings);
      }
    }
  }

  async #measure(): Promise<void> {
    const endpoint = await this.#ownDatakit();
    if (endpoint === null) return;
    const metric = fleetMetric(await new Ledger(this.#redis).entries(), endpoint, Date.now());
    if (metric) await this.#outbox.wait(metric, 0);
  }

  async #ownDatakit(): Promise<string | null> {
    return this.#options.datakit ?? new Fleet(this.#redis).publishedDatakit();
  }

  #held(endpoint: string) {
    const admission = this.#health.peek(endpoint);
    if (admission.kind === 'go') return null;
    return { reason: admission.cause.message, afterMs: admission.afterMs };
  }

  #emit(event: NormalizerEvent): void {
    const level = event.kind === 'delivered' ? 'info' : 'warn';
    this.#options.log[level](event);
    this.#options.onEvent?.(event);
  }
}
