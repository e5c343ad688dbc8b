import { hostname } from 'node:os';
import { clockText, type Fleet, type Problem } from '@pythond/registry';
import type { SchedulerEvent } from './events.ts';

/** What is wrong now, as `ls` and the page show it; tells each problem when it comes and when it goes. */
export class ProblemBoard {
  readonly #fleet: Pick<Fleet, 'putProblems'>;
  readonly #emit: (event: SchedulerEvent) => void;
  #ofHome: readonly Problem[] = [];
  #ofPools: readonly Problem[] = [];
  #ofRedis: readonly Problem[] = [];
  #clock: Problem | null = null;
  /** By input: a version that is held back. */
  readonly #held = new Map<string, Problem>();
  #told = new Map<string, Problem>();
  #stored: string | null = null;

  constructor(fleet: Pick<Fleet, 'putProblems'>, emit: (event: SchedulerEvent) => void) {
    this.#fleet = fleet;
    this.#emit = emit;
  }

  /** Inputs whose newest version is held back. */
  get held(): readonly string[] {
    return [...this.#held.keys()];
  }

  ofHome(problems: readonly Problem[]): void {
    this.#ofHome = problems;
  }

  ofPools(problems: readonly Problem[]): void {
    this.#ofPools = problems;
  }

  ofRedis(problems: readonly Problem[]): void {
    this.#ofRedis = problems;
  }

  /** This machine's clock; `aheadMs`: by how much Redis's is ahead, null when it is right. */
  ofClock(aheadMs: number | null): void {
    if (aheadMs === null) {
      this.#clock = null;
      return;
    }
    const text = `${clockText(`${hostname()} (scheduler)`, aheadMs)}, so new schedules start too early or too late; set both by NTP`;
    this.#clock = { level: 'error', code: 'clock-off-redis', text };
  }

  hold(input: string, problem: Problem): void {
    this.#held.set(input, problem);
  }

  release(input: string): void {
    this.#held.delete(input);
  }

  /** Stores what changed; a Redis that is away is tried again with the next call. */
  async publish(): Promise<void> {
    const clock = this.#clock ? [this.#clock] : [];
    const problems = [...this.#ofHome, ...this.#ofPools, ...this.#ofRedis, ...this.#held.values(), ...clock];
    const now = new Map(problems.map((problem) => [problem.text, problem]));
    for (const [text, problem] of now) if (!this.#told.has(text)) this.#emit({ kind: 'problem', problem });
    for (const [text, problem] of this.#told)
      if (!now.has(text)) this.#emit({ kind: 'problem-solved', problem });
    this.#told = now;
    const stored = JSON.stringify(problems);
    if (stored === this.#stored) return;
    await this.#fleet.putProblems(problems);
    this.#stored = stored;
  }

  /** What is stored may be gone: the next call stores it again. */
  forget(): void {
    this.#stored = null;
  }
}
