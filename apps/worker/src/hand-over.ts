import { pause } from '@pythond/lifecycle';
import type { Fleet, WorkerView } from '@pythond/registry';
import { InterpreterError } from '@pythond/runner';
import type { Interpreters } from './interpreters.ts';
import { type Elsewhere, othersOf, whoStarts } from './starts-elsewhere.ts';

export interface HandOverDeps {
  readonly worker: string;
  readonly fleet: Pick<Fleet, 'workers'>;
  readonly interpreters: Pick<Interpreters, 'starts' | 'try'>;
}

/** A worker tells what it has tried with its heartbeats, or at once when that has changed. */
const UNTRIED_MS = 12_000;
const ASK_EVERY_MS = 500;

/** Finds out whether what a `cmd` would run, and can't be started here, is for another worker of the same place. */
export class HandOver {
  readonly #deps: HandOverDeps;

  constructor(deps: HandOverDeps) {
    this.#deps = deps;
  }

  /** Whether it is known not to start here, and to start elsewhere. */
  async isForOthers(place: string, cmd: string): Promise<boolean> {
    const { interpreters } = this.#deps;
    return interpreters.starts(cmd) === false && (await this.#elsewhere(place, cmd)) === 'somewhere';
  }

  /** Whether it is better left to others for now: it does not start here, and it may elsewhere. */
  async isLeftToOthers(place: string, cmd: string): Promise<boolean> {
    const { interpreters } = this.#deps;
    const starts = interpreters.starts(cmd) ?? (await interpreters.try(cmd));
    return !starts && (await this.#elsewhere(place, cmd)) !== 'nowhere';
  }

  /**
   * After a failure to start it here: true when it is for others, else what is to be told of it. Waits for workers that
   * have not tried it yet.
   */
  async judge(
    place: string,
    cmd: string,
    error: InterpreterError,
    signal: AbortSignal,
  ): Promise<true | InterpreterError> {
    if (await this.#deps.interpreters.try(cmd)) return error; // by itself it starts: the block's envs are why
    const untilMs = performance.now() + UNTRIED_MS;
    let workers = await this.#others(place);
    while (whoStarts(workers, cmd) === 'untried' && performance.now() < untilMs && !signal.aborted) {
      await pause(ASK_EVERY_MS, signal);
      workers = await this.#others(place);
    }
    if (whoStarts(workers, cmd) === 'somewhere') return true;
    if (workers.length === 0) return error;
    const all = `none of the ${workers.length + 1} workers of ${place} starts it`;
    return new InterpreterError(error.code, `${error.message} (${all})`, { cause: error });
  }

  async #elsewhere(place: string, cmd: string): Promise<Elsewhere> {
    return whoStarts(await this.#others(place), cmd);
  }

  async #others(place: string): Promise<WorkerView[]> {
    const { worker, fleet } = this.#deps;
    return othersOf(await fleet.workers(), { place, self: worker });
  }
}
