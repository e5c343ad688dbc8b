import { hostname } from 'node:os';
import { type Component, Recurring, runAll } from '@pythond/lifecycle';
import { connect, ErrorReports, type Redis } from '@pythond/queue';
import { Leadership, type LeaderView, STAND_EVERY_MS, type Stand } from '@pythond/registry';
import type { SchedulerEvent } from './events.ts';
import { Scheduler, type SchedulerOptions } from './scheduler.ts';
import { isAlive, thisMachine } from './this-machine.ts';

export interface CandidateOptions extends Omit<SchedulerOptions, 'mayAct' | 'numbers'> {
  /** For people: which of several schedulers it is. */
  readonly name: string;
}

/** A scheduler at work, from the moment that this process leads. */
interface Term {
  readonly number: number;
  readonly scheduler: Scheduler;
  ended: Promise<void> | null;
}

/**
 * A scheduler process: leads, or stands by.
 *
 * States: standing by (asks for the lease again and again, and does nothing else) → leading (a `Scheduler` is at work, which
 * reads the home first) → standing by again, when the lease could not be kept: whatever the scheduler wanted to send to
 * Redis then is not sent → stopped. A leader that is stopped in order gives its lease back, so that the next one takes it at
 * once.
 */
export class Candidate implements Component {
  readonly name = 'scheduler';
  readonly #options: CandidateOptions;
  readonly #redis: Redis;
  readonly #standing: Recurring;
  #leadership: Leadership | undefined;
  #machine: string | null = null;
  readonly #numbers = new Map<string, number>();
  #term: Term | null = null;
  #told: string | null = null;
  #stopping = false;

  constructor(options: CandidateOptions) {
    this.#options = options;
    const reports = new ErrorReports((error, before) => options.log.warn({ err: error, before }, 'redis'));
    this.#redis = connect(options.redis, 'failing', (error) => reports.add(error));
    this.#standing = new Recurring(
      () => this.#again(),
      STAND_EVERY_MS,
      (error) => this.#couldNotAsk(error),
    );
  }

  /** Resolves when it leads and has read its home, or stands by. */
  async start(): Promise<void> {
    this.#machine = await thisMachine();
    const { name } = this.#options;
    const me = { name, host: hostname(), pid: process.pid, machine: this.#machine };
    this.#leadership = new Leadership(this.#redis, me);
    const begun = this.#follow(await this.#stand(this.#leadership));
    this.#standing.start();
    await begun;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await runAll([
      () => this.#term && this.#end(this.#term),
      () => this.#standing.stop(),
      () => this.#leadership?.giveUp().catch(() => undefined), // it ends by itself
      () => this.#redis.disconnect(),
    ]);
  }

  async #again(): Promise<void> {
    const leadership = this.#leadership;
    if (!leadership) return;
    try {
      // a term that fails to begin is told, and begun again
      void this.#follow(await this.#stand(leadership)).catch((error) => this.#couldNotBegin(error));
    } finally {
      if (!leadership.leads && this.#term) void this.#end(this.#term);
    }
  }

  /** A leader of this machine that has died is not waited for. */
  async #stand(leadership: Leadership): Promise<Stand> {
    const stand = await leadership.stand();
    if (stand.kind !== 'stands-by' || !this.#isDead(stand.leader)) return stand;
    return leadership.stand(stand.leader.fence);
  }

  #isDead({ machine, pid }: LeaderView): boolean {
    return machine !== null && machine === this.#machine && !isAlive(pid);
  }

  /** Makes what this process does what the stand says. Resolves when a term that begins has begun. */
  async #follow(stand: Stand): Promise<void> {
    this.#tell(stand);
    const number = this.#leadership?.term ?? 0;
    if (this.#term && (stand.kind !== 'leads' || this.#term.number !== number)) {
      void this.#end(this.#term);
    } else if (this.#term) {
      if (stand.kind === 'leads' && stand.stateLost) this.#term.scheduler.lookSoon();
    } else if (stand.kind === 'leads' && !this.#stopping) {
      await this.#begin(number);
    }
  }

  async #begin(number: number): Promise<void> {
    const mayAct = () => this.#leadership?.term === number && this.#leadership.leads;
    const term: Term = {
      number,
      scheduler: new Scheduler({ ...this.#options, numbers: this.#numbers, mayAct }),
      ended: null,
    };
    this.#term = term;
    try {
      await term.scheduler.start();
    } catch (error) {
      await this.#end(term);
      throw error;
    }
  }

  /** Another begins only when nothing of this one is left. */
  #end(term: Term): Promise<void> {
    term.ended ??= term.scheduler
      .stop()
      .catch((error) => this.#options.log.warn({ err: error }, 'stopping to lead'))
      .then(() => {
        if (this.#term === term) this.#term = null;
      });
    return term.ended;
  }

  /** Told once, until it is known again. */
  #couldNotAsk(error: unknown): void {
    if (this.#told === null) return;
    this.#told = null;
    this.#options.log.warn({ err: error }, 'who leads is not known');
  }

  #couldNotBegin(error: unknown): void {
    if (!this.#stopping) this.#options.log.warn({ err: error }, 'the home will be read again');
  }

  #tell(stand: Stand): void {
    if (stand.kind === 'waits') return;
    const { kind, leader } = stand;
    const { name, host, sinceMs, fence } = leader;
    const told = `${kind} ${fence}`;
    if (told === this.#told) return;
    this.#told = told;
    const event: SchedulerEvent =
      kind === 'leads' ? { kind, fence } : { kind, leader: { name, host, sinceMs, fence } };
    this.#options.log.info(event);
    this.#options.onEvent?.(event);
  }
}
