/** Errors of one kind are told so often at most. */
const EVERY_MS = 10_000;

/** Whether Redis was there and refused a command: out of memory, no disk, read only, still loading, no right to it. */
export function isRefusal(error: Error): boolean {
  return error.name === 'ReplyError';
}

/** Passes errors on, at most one of a kind every ten seconds, with the number of those like it that it left out. */
export class ErrorReports {
  readonly #report: (error: Error, before: number) => void;
  readonly #now: () => number;
  /** By kind: when one was told, and how many were not since. */
  readonly #kinds = new Map<string, { toldMs: number; untold: number }>();

  constructor(report: (error: Error, before: number) => void, now: () => number = () => performance.now()) {
    this.#report = report;
    this.#now = now;
  }

  /** Anything that was thrown. */
  add(thrown: unknown): void {
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    const kind = kindOf(error);
    const known = this.#kinds.get(kind);
    const now = this.#now();
    if (known && now - known.toldMs < EVERY_MS) {
      known.untold += 1;
      return;
    }
    this.#kinds.set(kind, { toldMs: now, untold: 0 });
    this.#report(error, known?.untold ?? 0);
  }
}

/** Redis's errors start with a code; others are told apart by what they are, since their texts name jobs and keys. */
function kindOf(error: Error): string {
  if (isRefusal(error)) return /^[A-Z]+/.exec(error.message)?.[0] ?? error.name;
  const code = 'code' in error ? String(error.code) : '';
  return `${error.name} ${code}`;
}
