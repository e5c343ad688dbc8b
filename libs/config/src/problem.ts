import type { InputDefinition } from '@pythond/jobs';
import { printable, quoted } from './printable.ts';

export type ProblemLevel = 'error' | 'warning';

/** Stable names of everything that can be wrong with a configuration. */
export type ProblemCode =
  | 'no-conf-d'
  | 'walk-limit'
  | 'unreadable'
  | 'not-a-file'
  | 'too-big'
  | 'changing'
  | 'encoding'
  | 'toml'
  | 'too-deep'
  | 'duplicate-file'
  | 'single-brackets'
  | 'misplaced-block'
  | 'not-a-table'
  | 'missing-key'
  | 'wrong-value'
  | 'adjusted-value'
  | 'unknown-key'
  | 'key-case'
  | 'unset-variable'
  | 'enc-unsupported'
  | 'secret'
  | 'same-name'
  | 'git-repos'
  | 'restart-needed';

/** Something wrong with one value, wherever it stands. No message ever holds a resolved secret. */
export interface ValueProblem {
  /** `error`: the block, file or setting is not used. `warning`: it is. */
  readonly level: ProblemLevel;
  readonly code: ProblemCode;
  readonly key: string | null;
  readonly message: string;
  /** What to do, as an imperative without a full stop: `write interval = 10`. */
  readonly hint: string | null;
}

export interface ConfigProblem extends ValueProblem {
  /** Relative to the home where it is under it; `environment` or `command line` for settings from there. */
  readonly file: string;
  /** Counted from 1; null where no line can be named. */
  readonly line: number | null;
  /** Which `[[inputs.pythond]]` of the file, counted from 1. */
  readonly block: number | null;
  /** The `name` of that block, where it could be read. */
  readonly name: string | null;
}

/** One line that reads well aloud: `conf.d/pythond.conf:12: block 2 ('web'): interval must be …; write …`. */
export function formatProblem(problem: ConfigProblem | ValueProblem): string {
  const place = 'file' in problem ? `${where(problem)}: ` : '';
  const level = problem.level === 'warning' ? 'warning: ' : '';
  const block = 'file' in problem ? whichBlock(problem) : '';
  const hint = problem.hint === null ? '' : `; ${problem.hint}`;
  return `${place}${level}${block}${problem.message}${hint}`;
}

/** The same for something that was found out later about a block: about its files, say. */
export function formatInputProblem(
  { name, source }: Pick<InputDefinition, 'name' | 'source'>,
  { level, message }: { readonly level: ProblemLevel; readonly message: string },
): string {
  const { file, line, block } = source;
  const warning = level === 'warning' ? 'warning: ' : '';
  return `${where({ file, line })}: ${warning}${whichBlock({ block, name })}${message}`;
}

function where({ file, line }: Pick<ConfigProblem, 'file' | 'line'>): string {
  return `${printable(file, 400)}${line === null ? '' : `:${line}`}`;
}

function whichBlock({ block, name }: Pick<ConfigProblem, 'block' | 'name'>): string {
  if (block === null) return '';
  return name === null ? `block ${block}: ` : `block ${block} (${quoted(name)}): `;
}
