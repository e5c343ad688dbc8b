import { type CliOptions, runCli } from './cli.ts';

/** What `check --json` prints, as scripts rely on it. */
export interface Checked {
  readonly collectors: readonly CheckedCollector[];
  readonly failures: readonly CheckedFailure[];
}

export interface CheckedCollector {
  readonly id: string;
  readonly input: string;
  readonly module: string;
  readonly class: string;
  readonly name: string;
  readonly interval: number;
  readonly outcome: string;
  readonly durationMs: number;
  readonly reports: readonly {
    readonly category: string;
    readonly destination: string;
    readonly query: Readonly<Record<string, string>>;
    readonly points: unknown;
    readonly lineProtocol: string;
    readonly rejected: readonly { readonly index: number; readonly code: string; readonly reason: string }[];
    readonly echo?: string;
  }[];
  readonly lastErrors: readonly { readonly input: string; readonly err_content: string }[];
  readonly stdout: string;
  readonly stderr: string;
  readonly warnings: readonly { readonly code: string; readonly message: string }[];
  readonly error: { readonly type: string; readonly message: string; readonly traceback: string } | null;
  readonly hint: string | null;
}

export interface CheckedFailure {
  readonly input: string;
  readonly module: string | null;
  readonly class: string | null;
  readonly type: string;
  readonly message: string;
  readonly traceback: string;
  readonly hint: string | null;
}

export interface CheckAnswer extends Checked {
  readonly code: number | null;
  /** Line by line: what is wrong with the configuration. Not what this machine can't confine. */
  readonly said: readonly string[];
  /** Line by line: what runs with all rights of this user. */
  readonly notConfined: readonly string[];
  readonly collector: (id: string) => CheckedCollector;
}

/** Runs `check --json` to its end; fails when its standard output is not one JSON object. */
export async function check(
  home: string,
  options: CliOptions & { readonly args?: readonly string[] } = {},
): Promise<CheckAnswer> {
  const { code, stdout, stderr } = await runCli(
    ['check', '--home', home, '--json', ...(options.args ?? [])],
    options,
  );
  const checked = parse(stdout, stderr);
  const lines = stderr.split('\n').filter((line) => line !== '');
  const isAboutConfining = (line: string) => line.startsWith('NOT CONFINED');
  return {
    ...checked,
    code,
    said: lines.filter((line) => !isAboutConfining(line)),
    notConfined: lines.filter(isAboutConfining),
    collector: (id) => {
      const found = checked.collectors.find((one) => one.id === id);
      if (found) return found;
      throw new Error(`there is no ${id}, but ${checked.collectors.map((one) => one.id).join(', ')}`);
    },
  };
}

function parse(stdout: string, stderr: string): Checked {
  try {
    return JSON.parse(stdout);
  } catch (cause) {
    throw new Error(`check printed no JSON but ${JSON.stringify(stdout)}; it said: ${stderr}`, { cause });
  }
}
