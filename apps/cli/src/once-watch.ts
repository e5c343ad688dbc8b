import { randomBytes } from 'node:crypto';
import { type CollectorId, type RunRecord, schedulerId, tickId } from '@pythond/jobs';
import { connect, type RedisTarget, TickQueue } from '@pythond/queue';
import type { SchedulerEvent } from '@pythond/scheduler';
import type { WorkerEvent } from '@pythond/worker';
import { type ExitCode, exitCodes } from './exit.ts';
import { untilAborted } from './until-aborted.ts';

/**
 * For `up --once`: sees to it that every collector that is found runs once, and knows when all have, and whether all
 * went well. New ones run by themselves; those that the registry knew already are asked to.
 */
export class OnceWatch {
  readonly #redis: RedisTarget;
  /** Collectors that have not run yet, with their time-outs in milliseconds. */
  readonly #waiting = new Map<string, number>();
  readonly #expected = new Set<string>();
  #undiscovered: Set<string> | null = null;
  readonly #discovered = new Set<string>();
  #found = 0;
  #well = true;
  #resolve: (code: ExitCode) => void = () => undefined;
  readonly #done = new Promise<ExitCode>((resolve) => {
    this.#resolve = resolve;
  });

  constructor(redis: RedisTarget) {
    this.#redis = redis;
  }

  scheduler(event: SchedulerEvent): void {
    switch (event.kind) {
      case 'home-read':
        this.#undiscovered = new Set(event.inputs.filter((input) => !this.#discovered.has(input)));
        break;
      case 'discovered':
        this.#discovered.add(event.input);
        this.#undiscovered?.delete(event.input);
        break;
      case 'collector-found':
        if (!event.paused) this.#expect(event);
        break;
      case 'module-failed':
      case 'input-failed':
        this.#well = false;
        break;
      case 'problem':
        if (event.problem.level === 'error') this.#well = false;
        break;
      case 'held-back':
        this.#well = false;
        break;
      case 'stands-by': // what is in this home runs nowhere
        this.#resolve(exitCodes.usage);
        return;
      case 'leads':
      case 'collector-gone':
      case 'host-away':
      case 'host-back':
      case 'input-changed':
      case 'input-gone':
      case 'problem-solved':
      case 'took-over':
        break;
    }
    this.#finishWhenDone();
  }

  worker(event: WorkerEvent): void {
    if (event.kind === 'run-goes-on') this.#goesOn(event.record);
    if (event.kind !== 'run-ended') return;
    const { collector, outcome, points, warnings } = event.record;
    if (warnings.some(({ code }) => code === 'becomes-resident')) return; // its resident runs next
    if (!this.#waiting.has(collector)) return;
    if (outcome.kind !== 'succeeded' || points.queued + points.dead > 0) this.#well = false;
    this.#waiting.delete(collector);
    this.#finishWhenDone();
  }

  /** Resolves with the exit code when all have run, or with `interrupted` when the signal fires before. */
  done(signal: AbortSignal): Promise<ExitCode> {
    void untilAborted(signal).then(() => this.#resolve(exitCodes.interrupted));
    return this.#done;
  }

  /** A server in run() never returns: at its time-out it has run once, and well if it has reported. */
  #goesOn({ collector, phases, points }: RunRecord): void {
    const timeoutMs = this.#waiting.get(collector);
    if (timeoutMs === undefined || phases.runMs < timeoutMs) return;
    if (points.reported === 0 || points.queued + points.dead > 0) this.#well = false;
    this.#waiting.delete(collector);
    this.#finishWhenDone();
  }

  #expect(event: Extract<SchedulerEvent, { kind: 'collector-found' }>): void {
    const { id, place, isNew, isResident, timeoutMs } = event;
    if (!this.#expected.has(id)) this.#found += 1;
    else if (!this.#waiting.has(id)) return; // found again, as a resident, after it has run
    this.#expected.add(id);
    this.#waiting.set(id, timeoutMs);
    if (!isNew && !isResident) void this.#runNow(id as CollectorId, place);
  }

  async #runNow(id: CollectorId, place: string): Promise<void> {
    const redis = connect(this.#redis, 'failing', () => undefined);
    const queue = new TickQueue(place, redis);
    try {
      const nonce = randomBytes(4).toString('hex');
      await queue.runOnce(tickId('manual', schedulerId(id), Date.now(), nonce), id);
    } catch {
      this.#well = false; // then it runs with its grid
    } finally {
      await queue.close();
      redis.disconnect();
    }
  }

  #finishWhenDone(): void {
    if (this.#undiscovered === null || this.#undiscovered.size > 0 || this.#waiting.size > 0) return;
    if (this.#found === 0) this.#resolve(exitCodes.usage);
    else this.#resolve(this.#well ? exitCodes.ok : exitCodes.failed);
  }
}
