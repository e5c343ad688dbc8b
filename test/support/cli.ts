import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const repository = path.resolve(fileURLToPath(import.meta.url), '../../..');
const bin = path.join(repository, 'apps/cli/bin/pythond.mjs');
const inATerminal = path.join(repository, 'test/support/in-a-terminal.py');

export interface CliOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  readonly input?: string;
  /** In a terminal of so many columns, 0 for one that does not know; without it, in a pipe. */
  readonly terminal?: number;
  /** Words that it is the last argument of, such as those that put it into a namespace. */
  readonly inside?: readonly string[];
}

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A `pythond` that runs until it is stopped, with what it has said so far. */
export interface RunningCli {
  readonly process: ChildProcess;
  readonly pid: number;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Its end, with everything that it said. */
  readonly ended: Promise<CliResult>;
  /** SIGINT, as Ctrl-C; resolves at its end. */
  stop(signal?: NodeJS.Signals): Promise<CliResult>;
}

/** Starts `pythond …` as a user would, from the build. Nothing of this process's own settings reaches it. */
export function startCli(args: readonly string[], options: CliOptions = {}): RunningCli {
  const inTerminal = options.terminal === undefined ? [] : ['python3', inATerminal, String(options.terminal)];
  const [command = '', ...words] = [...(options.inside ?? []), ...inTerminal, process.execPath, bin, ...args];
  const child = spawn(command, words, {
    cwd: options.cwd ?? repository,
    env: {
      ...{ PATH: process.env['PATH'], HOME: process.env['HOME'], NO_COLOR: '1' },
      PYTHOND_FLEET_METRICS: 'off', // tests count points
      ...options.env,
    },
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  if (options.input !== undefined) child.stdin?.end(options.input);
  const said = { stdout: '', stderr: '' };
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    said.stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said.stderr += text;
  });
  const ended = once(child, 'close').then(([code]): CliResult => ({ code: code as number | null, ...said }));
  return {
    process: child,
    pid: child.pid ?? 0,
    stdout: () => said.stdout,
    stderr: () => said.stderr,
    ended,
    stop: async (signal = 'SIGINT') => {
      child.kill(signal);
      return ended;
    },
  };
}

/** Runs `pythond …` to its end. */
export function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return startCli(args, options).ended;
}
