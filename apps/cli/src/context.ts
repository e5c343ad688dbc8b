import { stat } from 'node:fs/promises';
import path from 'node:path';
import {
  type ConfigProblem,
  formatProblem,
  readSettings,
  type SettingName,
  type Settings,
} from '@pythond/config';
import { CommandError } from './exit.ts';
import type { Terminal } from './terminal.ts';

/** What every command is given: where it runs, what surrounds it, where it writes. */
export interface Context {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly terminal: Terminal;
  /** Fires with the first Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal;
}

export interface HomeFlags {
  readonly home?: string;
}

export function homeOf({ env, cwd }: Pick<Context, 'env' | 'cwd'>, { home }: HomeFlags): string {
  return path.resolve(cwd, home ?? env['PYTHOND_HOME'] ?? '.');
}

/** Settings from flags, environment and `pythond.toml`; every problem is told before anything starts. */
export async function settingsOf(
  context: Context,
  flags: HomeFlags & Partial<Record<SettingName, unknown>>,
): Promise<Settings> {
  const { home: _, ...rest } = flags;
  const reading = await readSettings({ home: homeOf(context, flags), env: context.env, flags: rest });
  if (!reading.settings) {
    throw new CommandError(reading.problems.map((problem) => formatProblem(problem)).join('\n'));
  }
  warn(context.terminal, reading.problems);
  return reading.settings;
}

/** For commands that run what is in a home. A folder named by mistake must not become one. */
export async function requireHome({ home, gitRepos }: Pick<Settings, 'home' | 'gitRepos'>): Promise<void> {
  if (gitRepos !== null) return; // its pythond.toml says where the rest is
  const found = await stat(path.join(home, 'conf.d')).catch(() => null);
  if (found?.isDirectory()) return;
  throw new CommandError(
    `${home} has no conf.d, so it is not a home of pythond. Name one with --home or PYTHOND_HOME, or make ${home}/conf.d/pythond.conf.`,
  );
}

export function warn(terminal: Terminal, problems: readonly ConfigProblem[]): void {
  for (const problem of problems) terminal.err.write(`${formatProblem(problem)}\n`);
}
