import { expandEnvs } from '@pythond/config';
import { InterpreterError, resolveInterpreter } from '@pythond/runner';

export interface InterpretersOptions {
  /** The worker's own environment; its PATH is where names are looked for. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** An existing empty folder; a relative `cmd` counts from there. */
  readonly cwd: string;
  /** Something starts that did not, or the other way round, or was not tried before. */
  readonly onChange: () => void;
}

/** What is installed, or taken away, under a running worker is noticed within this. */
const TRY_AGAIN_MS = 3 * 60_000;

/**
 * Which of the `cmd`s that the fleet's inputs name start on this worker, tried in the environment of a block without
 * `envs`. A `cmd` is *untried* until its first try has ended; then it *starts* or it does not, until the next one.
 */
export class Interpreters {
  readonly #options: InterpretersOptions;
  readonly #starts = new Map<string, boolean>();
  #triedMs = Number.NEGATIVE_INFINITY;
  #trying = false;

  constructor(options: InterpretersOptions) {
    this.#options = options;
  }

  /** By `cmd`, as heartbeats tell it; without the untried ones. */
  get found(): Readonly<Record<string, boolean>> {
    return Object.fromEntries(this.#starts);
  }

  /** undefined: it was not tried. */
  starts(cmd: string): boolean | undefined {
    return this.#starts.get(cmd);
  }

  /** Tries what is new to it, and everything again every few minutes, without being waited for. */
  sees(wanted: readonly string[]): void {
    for (const cmd of this.#starts.keys()) if (!wanted.includes(cmd)) this.#starts.delete(cmd);
    const isOld = performance.now() - this.#triedMs > TRY_AGAIN_MS;
    const untried = wanted.filter((cmd) => isOld || !this.#starts.has(cmd));
    if (this.#trying || untried.length === 0) return;
    if (isOld) this.#triedMs = performance.now();
    this.#trying = true;
    void this.#tryAll(untried);
  }

  /** Tries one now. */
  async try(cmd: string): Promise<boolean> {
    const starts = await this.#doesStart(cmd);
    const isNews = this.#starts.get(cmd) !== starts;
    this.#starts.set(cmd, starts);
    if (isNews) this.#options.onChange();
    return starts;
  }

  async #tryAll(cmds: readonly string[]): Promise<void> {
    try {
      for (const cmd of cmds) await this.try(cmd);
    } catch {
      // tried again with the next heartbeat
    } finally {
      this.#trying = false;
    }
  }

  async #doesStart(cmd: string): Promise<boolean> {
    const { env, cwd } = this.#options;
    const { environment } = await expandEnvs({ envs: null, envAllow: [], env, secretsDirs: [] });
    try {
      await resolveInterpreter({ cmd, environment, path: env['PATH'] ?? '', cwd });
      return true;
    } catch (error) {
      if (error instanceof InterpreterError) return false;
      throw error;
    }
  }
}
