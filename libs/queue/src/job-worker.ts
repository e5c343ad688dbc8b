import { fullJitter, pause } from '@pythond/lifecycle';
import { DelayedError, type Job, RateLimitError, UnrecoverableError, WaitingError, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { ErrorReports, isRefusal } from './error-reports.ts';
import { key, PREFIX } from './names.ts';
import { Script } from './script.ts';

const unstartScript = new Script(new URL('../lua/unstart.lua', import.meta.url));

/** What BullMQ's locks and stall checks are set to: a killed worker's job runs again within 20 s. */
const LOCK_MS = 15_000;
const STALLED_CHECK_MS = 5_000;
/** How long Redis must have been away before stopping no longer waits for it. */
const VAIN_MS = 2_000;
const VAIN_CHECK_MS = 100;
/** A job that kills every worker that takes it is given up after so many starts. */
const MAX_STARTED_ATTEMPTS = 3;
/** While Redis refuses commands (out of memory, say) BullMQ would ask again at once, thousands of times a second. */
const REFUSED_PAUSE = { baseMs: 200, capMs: 5_000 };
const LEAST_REFUSED_MS = 100;

export interface JobContext {
  readonly id: string;
  /** 1 for the first start of this job; more when a worker died with it or it was tried again. */
  readonly attempt: number;
  /** Earlier starts that ended with `again`: those that ended with `later` were none, those of a killed worker are not known. */
  readonly triesBefore: number;
  readonly takenMs: number;
  readonly addedMs: number;
  /** Aborts when the job's lock is lost (reason `lock-lost`) or the worker stops (reason `stopping`). */
  readonly signal: AbortSignal;
  /** Replaces the job's data, so that a later try starts from there. */
  update(data: unknown): Promise<void>;
}

/**
 * How a processor ends: `done`; `again`, after the worker's back-off, or `afterMs` where that is longer or `exactly` what
 * is to be waited; `later`, as if it had never been taken, but after a while; `give-up`, the job is kept among the failed;
 * `back`, as if it had never been taken (used when stopping).
 */
export type JobEnd =
  | { readonly kind: 'done'; readonly value?: string }
  | {
      readonly kind: 'again';
      readonly reason: string;
      readonly afterMs?: number;
      readonly exactly?: boolean;
    }
  | { readonly kind: 'later'; readonly afterMs: number }
  | { readonly kind: 'give-up'; readonly reason: string }
  | { readonly kind: 'slow-down'; readonly forMs: number }
  | { readonly kind: 'back' };

export interface JobWorkerOptions {
  readonly queue: string;
  readonly connection: Redis;
  readonly concurrency: number;
  readonly process: (data: unknown, context: JobContext) => Promise<JobEnd>;
  /** At most one of a kind every ten seconds; `before` is how many like it were not told since the last. */
  readonly onError: (error: Error, before: number) => void;
  /** Milliseconds before try `attempt` + 1. */
  readonly backoffMs?: (attempt: number) => number;
  readonly limiter?: { readonly max: number; readonly duration: number };
  readonly keep?: number;
  /** Bounds the starts of one job; null where a job may wait for an outage's end however long. */
  readonly maxStarts?: number | null;
}

/** How BullMQ is told to try a job again; not an error of ours. */
class AgainSignal extends Error {
  override readonly name = 'AgainSignal';
  readonly afterMs: number;
  readonly exactly: boolean;

  constructor({ reason, afterMs = 0, exactly = false }: Extract<JobEnd, { kind: 'again' }>) {
    super(reason);
    this.afterMs = afterMs;
    this.exactly = exactly;
  }
}

/** BullMQ counts stalls and starts apart, and gives a job up for either. */
function startBounds(maxStarts: number | null = MAX_STARTED_ATTEMPTS) {
  if (maxStarts === null) return { maxStalledCount: Number.MAX_SAFE_INTEGER };
  return { maxStalledCount: maxStarts, maxStartedAttempts: maxStarts };
}

/** Why nothing is taken: somebody asked for it, or Redis refuses commands. */
type PauseReason = 'asked' | 'refused';

/**
 * One BullMQ worker.
 *
 * States: running ⇄ paused (takes nothing; what runs goes on; asked for, or for a while, longer each time, when Redis
 * refuses commands) → stopping (takes nothing new; what runs goes on) → interrupted (after the drain time the signal of
 * each job fires, its processor answers `back`, and the job waits for another worker) → stopped. Where Redis is away
 * it is stopped all the same; its jobs are found stalled later.
 */
export class JobWorker {
  readonly #worker: Worker;
  readonly #options: JobWorkerOptions;
  readonly #paused = new Set<PauseReason>();
  readonly #errors: ErrorReports;
  #refusals = 0;
  #goingOn: NodeJS.Timeout | undefined;
  #running = 0;
  #stopped: Promise<void> | undefined;

  constructor(options: JobWorkerOptions) {
    this.#options = options;
    this.#errors = new ErrorReports(options.onError);
    // Three plain parameters: with fewer BullMQ hands out no signal and cancelJob does nothing.
    this.#worker = new Worker(
      options.queue,
      async (job: Job, token?: string, signal?: AbortSignal) => {
        this.#running += 1;
        this.#refusals = 0;
        try {
          return await this.#run(job, token, signal);
        } finally {
          this.#running -= 1;
        }
      },
      {
        connection: options.connection,
        prefix: PREFIX,
        concurrency: options.concurrency,
        lockDuration: LOCK_MS,
        lockRenewTime: LOCK_MS / 3,
        stalledInterval: STALLED_CHECK_MS,
        ...startBounds(options.maxStarts),
        removeOnComplete: { count: options.keep ?? 1_000 },
        removeOnFail: { count: options.keep ?? 1_000 },
        ...(options.limiter ? { limiter: options.limiter } : {}),
        settings: {
          backoffStrategy: (attempt, _type, error) => {
            if (error instanceof AgainSignal && error.exactly) return error.afterMs;
            const least = error instanceof AgainSignal ? error.afterMs : 0;
            return Math.max(options.backoffMs?.(attempt) ?? 1_000, least);
          },
        },
      },
    );
    this.#worker.on('error', (error) => this.#onError(error));
    this.#worker.on('lockRenewalFailed', (ids) => {
      for (const id of ids) this.#worker.cancelJob(id, 'lock-lost');
    });
  }

  /** Resolves once jobs can be taken. */
  async ready(): Promise<void> {
    await this.#worker.waitUntilReady();
  }

  /** Takes nothing new until `resume`; what runs goes on. */
  pause(): void {
    this.#pauseFor('asked');
  }

  resume(): void {
    this.#goOn('asked');
  }

  /** Takes nothing new, waits up to `drainMs` for what runs, then sends the rest back to the queue. */
  stop(drainMs: number): Promise<void> {
    this.#stopped ??= this.#stop(drainMs);
    return this.#stopped;
  }

  #onError(error: Error): void {
    this.#errors.add(error);
    if (!isRefusal(error) || this.#paused.has('refused') || this.#stopped) return;
    this.#refusals += 1;
    this.#pauseFor('refused');
    const jitter = { ...REFUSED_PAUSE, attempt: this.#refusals, random: Math.random };
    this.#goingOn = setTimeout(() => this.#goOn('refused'), LEAST_REFUSED_MS + fullJitter(jitter));
  }

  #pauseFor(reason: PauseReason): void {
    this.#paused.add(reason);
    void this.#worker.pause(true);
  }

  #goOn(reason: PauseReason): void {
    if (!this.#paused.delete(reason) || this.#paused.size > 0 || this.#stopped) return;
    void this.#worker.resume();
  }

  async #stop(drainMs: number): Promise<void> {
    clearTimeout(this.#goingOn);
    const closed = this.#worker.close();
    const timer = setTimeout(() => this.#worker.cancelAllJobs('stopping'), drainMs);
    const over = new AbortController();
    try {
      await Promise.race([closed, this.#untilVain(drainMs, over.signal)]);
    } finally {
      over.abort();
      clearTimeout(timer);
    }
  }

  /** Without Redis BullMQ never closes. Resolves when Redis stays away and nothing runs, or has run beyond its time. */
  async #untilVain(drainMs: number, signal: AbortSignal): Promise<void> {
    const drainedMs = performance.now() + drainMs + VAIN_MS;
    for (let awayMs = 0; awayMs < VAIN_MS && !signal.aborted; ) {
      await pause(VAIN_CHECK_MS, signal);
      const isBusy = this.#running > 0 && performance.now() < drainedMs;
      const isAway = this.#options.connection.status !== 'ready';
      awayMs = isAway && !isBusy ? awayMs + VAIN_CHECK_MS : 0;
    }
  }

  async #run(job: Job, token: string | undefined, signal: AbortSignal | undefined): Promise<string> {
    // a worker that waits for jobs takes one more after it was paused
    const end: JobEnd = this.#paused.has('asked') ? { kind: 'back' } : await this.#process(job, signal);
    switch (end.kind) {
      case 'done':
        return end.value ?? '';
      case 'again':
        throw new AgainSignal(end);
      case 'later':
        await this.#unstart(job);
        await job.moveToDelayed(Date.now() + end.afterMs, token);
        throw new DelayedError();
      case 'give-up':
        throw new UnrecoverableError(end.reason);
      case 'slow-down':
        await this.#worker.rateLimit(end.forMs);
        throw new RateLimitError();
      case 'back':
        await this.#unstart(job);
        await job.moveToWait(token);
        throw new WaitingError();
    }
  }

  #process(job: Job, signal: AbortSignal | undefined): Promise<JobEnd> {
    return this.#options.process(job.data, {
      id: job.id ?? '',
      attempt: job.attemptsStarted,
      triesBefore: job.attemptsMade,
      takenMs: job.processedOn ?? Date.now(),
      addedMs: job.timestamp,
      signal: signal ?? new AbortController().signal,
      update: (data) => job.updateData(data),
    });
  }

  /** A start that nothing came of is none: jobs that kill their workers are told by their starts. */
  async #unstart({ id = '' }: Job): Promise<void> {
    if (this.#options.maxStarts === null) return;
    await unstartScript.run(this.#options.connection, [key(this.#options.queue, id)], []);
  }
}
