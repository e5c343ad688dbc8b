/** What came of one attack, made at one place. */
export interface AttackResult {
  readonly group: string;
  readonly name: string;
  readonly where: 'run' | 'import';
  /** SILENT: it was not heard of, so it may not have been made. */
  readonly outcome: 'held' | 'ESCAPED' | 'SILENT';
  readonly evidence: string;
  /** Whether it met an error, rather than nothing to be had. */
  readonly refused?: boolean;
}

export type Mode = 'root' | 'root-keeping-uid' | 'user' | 'container-like' | 'container' | 'container-root';

export const MODES: Readonly<Record<Mode, string>>;
export const USERS: Readonly<Partial<Record<Mode, string>>>;
export function whyNot(mode: Mode): Promise<string | null>;
export function whyUnconfined(mode: Mode): Promise<string | null>;
export function runAttacks(
  mode: Mode,
  options?: {
    readonly level?: 'strict' | 'none';
    readonly rehearsal?: boolean;
    /** Words; attacks whose `group.name` holds one of them. None: all. */
    readonly only?: readonly string[];
    readonly where?: readonly AttackResult['where'][];
    /** Drop what a worker that was attacked with success complains of. */
    readonly quiet?: boolean;
  },
): Promise<{ readonly results: readonly AttackResult[] }>;
