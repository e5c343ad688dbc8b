import type { RunWarning } from '@pythond/jobs';
import { namesIn } from '@pythond/registry';

const MAX_NAMES = 10_000;

/**
 * Which collector changed which module or class name of its input, as far as this worker has seen. Two that change one
 * name would have shared its value in one process; here each has its own, and is told so once.
 */
export class SharedNames {
  readonly #firstBy = new Map<string, string>();
  readonly #told = new Set<string>();

  /** @param state what the run leaves to the next one */
  warnings(input: string, collector: string, state: Buffer): RunWarning[] {
    const names = namesIn(state);
    if (!names) return [];
    const owners = [...Object.entries(names.modules), ...Object.entries(names.classes)];
    return owners.flatMap(([owner, own]) =>
      own.flatMap((name) => this.#note(`${input}\n${owner}.${name}`, `${owner}.${name}`, collector) ?? []),
    );
  }

  #note(key: string, name: string, collector: string): RunWarning | null {
    const other = this.#firstBy.get(key);
    if (other === undefined) {
      if (this.#firstBy.size < MAX_NAMES) this.#firstBy.set(key, collector);
      return null;
    }
    const told = `${key}\n${collector}`;
    if (other === collector || this.#told.has(told) || this.#told.size >= MAX_NAMES) return null;
    this.#told.add(told);
    return {
      code: 'shared-name',
      message: `${name} is changed by ${other} and by ${collector}, and each goes on with its own value of it; isolation = "resident" runs them in one process, where they share it`,
    };
  }
}
