/** What `check --json` prints, as scripts rely on it. */
export interface CheckResult {
  readonly collectors: readonly CheckedCollector[];
  readonly failures: readonly CheckFailure[];
}

export interface CheckedCollector {
  readonly id: string;
  readonly input: string;
  readonly module: string;
  readonly class: string;
  readonly name: string;
  /** Seconds. */
  readonly interval: number;
  readonly outcome: 'succeeded' | 'failed' | 'timed-out' | 'killed';
  readonly durationMs: number;
  readonly reports: readonly CheckedReport[];
  readonly lastErrors: readonly { readonly input: string; readonly err_content: string }[];
  readonly stdout: string;
  readonly stderr: string;
  readonly warnings: readonly {
    readonly code: string;
    readonly message: string;
    readonly count?: number | undefined;
  }[];
  readonly error: { readonly type: string; readonly message: string; readonly traceback: string } | null;
  /** What happened, as a sentence, when it did not succeed. */
  readonly hint: string | null;
}

export interface CheckedReport {
  readonly category: string;
  readonly destination: string;
  readonly query: Readonly<Record<string, string>>;
  /** As the script reported them. */
  readonly points: unknown;
  /** What would be sent. */
  readonly lineProtocol: string;
  /** What DataKit would refuse, or lose. */
  readonly rejected: readonly { readonly index: number; readonly code: string; readonly reason: string }[];
  /** What the DataKit of `--datakit` says that it would store. */
  readonly echo?: string;
  /** Why it would store nothing, or could not be asked. */
  readonly echoError?: string;
}

export interface CheckFailure {
  readonly input: string;
  /** null when the input as a whole can't run. */
  readonly module: string | null;
  readonly class: string | null;
  readonly type: string;
  readonly message: string;
  readonly traceback: string;
  readonly hint: string | null;
}
