import { type BundleLimits, formatBytes } from './limits.ts';
import { type BundleProblem, shown } from './problem.ts';

/** Counts what a bundle would hold while its folders are walked, and knows where most of it lies. */
export class Tally {
  readonly #limits: BundleLimits;
  readonly #parts = new Map<string, { files: number; bytes: number }>();
  #files = 0;
  #bytes = 0;

  constructor(limits: BundleLimits) {
    this.#limits = limits;
  }

  /** `part` is the file or folder directly below an entry of the configuration. */
  add(part: string, bytes: number): void {
    this.#files += 1;
    this.#bytes += bytes;
    const counted = this.#parts.get(part) ?? { files: 0, bytes: 0 };
    counted.files += 1;
    counted.bytes += bytes;
    this.#parts.set(part, counted);
  }

  get tooMany(): boolean {
    return this.#files > this.#limits.maxFiles;
  }

  /** Why nothing can be packed, or null. */
  problem(): BundleProblem | null {
    if (this.tooMany) {
      const path = this.#most('files');
      return {
        level: 'error',
        code: 'too-many-files',
        path,
        message: `the folders hold more than ${this.#limits.maxFiles} files and folders, the limit; most are in ${shown(path)}`,
        hint: HINT,
      };
    }
    if (this.#bytes <= this.#limits.maxBytes) return null;
    const path = this.#most('bytes');
    const most = formatBytes(this.#parts.get(path)?.bytes ?? 0);
    return {
      level: 'error',
      code: 'bundle-too-large',
      path,
      message: `the files come to ${formatBytes(this.#bytes)}, and ${formatBytes(this.#limits.maxBytes)} is the limit; ${most} are in ${shown(path)}`,
      hint: HINT,
    };
  }

  #most(what: 'files' | 'bytes'): string {
    let most = '';
    for (const [part, counted] of this.#parts) {
      if (counted[what] > (this.#parts.get(most)?.[what] ?? -1)) most = part;
    }
    return most;
  }
}

const HINT =
  'Move what the scripts do not need (a virtual environment, data, logs) out of the folder, or name a smaller folder.';
