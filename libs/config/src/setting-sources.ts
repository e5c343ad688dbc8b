import { join } from 'node:path';
import { lineIndex } from './edits.ts';
import { nearest } from './nearest.ts';
import { parseToml, type Table } from './parse-toml.ts';
import { quoted } from './printable.ts';
import type { ConfigProblem } from './problem.ts';
import { readTextFile } from './read-text-file.ts';
import { variable } from './reference.ts';
import {
  envName,
  flagName,
  type SettingKey,
  type SettingName,
  settingKeys,
  settingNames,
  tomlName,
} from './setting-keys.ts';
import { MAX_DEPTH, outline } from './toml-outline.ts';

/** A value and where it was found, for messages. */
export interface SourcedValue {
  readonly value: unknown;
  readonly file: string;
  readonly line: number | null;
  /** The setting as its source spells it: `datakit_url`, `DATAKIT_URL`, `--datakit`. */
  readonly key: string;
  readonly from: 'flag' | 'environment' | 'file';
}

export type Sourced = Partial<Record<SettingName, SourcedValue>>;

export interface SettingsFile {
  readonly values: Sourced;
  readonly gitRepos: unknown | null;
  readonly problems: readonly ConfigProblem[];
}

const FILE = 'pythond.toml';
const GIT_REPOS = 'git_repos';

/** The values of `pythond.toml`; none when there is no such file. */
export async function readSettingsFile(home: string): Promise<SettingsFile> {
  const reading = await readTextFile(join(home, FILE));
  if (reading === null) return { values: {}, gitRepos: null, problems: [] };
  if (!reading.ok) return broken(reading.code, null, reading.message, reading.hint);
  const { tooDeepAt } = outline(reading.text);
  if (tooDeepAt !== null) return broken('too-deep', null, `is nested deeper than ${MAX_DEPTH}`);
  const parsed = parseToml(reading.text);
  if (!parsed.ok) return broken('toml', parsed.line, `is not valid TOML here: ${parsed.reason}`);
  return fromTable(parsed.table, keyLines(reading.text));
}

function fromTable(table: Table, lineOf: (key: string) => number | null): SettingsFile {
  const values: Sourced = {};
  const known = new Map(settingNames.map((name) => [tomlName(name), name]));
  const problems: ConfigProblem[] = [];
  for (const key of Object.keys(table)) {
    const name = known.get(key);
    const line = lineOf(key);
    if (name !== undefined) values[name] = { value: table[key], file: FILE, line, key, from: 'file' };
    else if (key !== GIT_REPOS) problems.push(unknownKey(key, FILE, line, [...known.keys(), GIT_REPOS]));
  }
  return { values, gitRepos: table[GIT_REPOS] ?? null, problems };
}

function keyLines(text: string): (key: string) => number | null {
  const { entries, headers } = outline(text);
  const line = lineIndex(text);
  return (key) => {
    const entry = entries.find(({ header, path }) => header === null && path[0] === key);
    const start = entry?.start ?? headers.find(({ path }) => path[0] === key)?.start;
    return start === undefined ? null : line(start);
  };
}

/** The values of the environment. An empty variable counts as none, as compose files set those. */
export function settingsOfEnv(env: Readonly<Record<string, string | undefined>>): Sourced {
  const values: Sourced = {};
  for (const name of settingNames) {
    const key = envName(name);
    const text = variable(env, key);
    if (text === undefined || text.trim() === '') continue;
    values[name] = { value: fromText(name, text), file: 'environment', line: null, key, from: 'environment' };
  }
  return values;
}

/** Variables that are all but the name of a setting. Others that start with `PYTHOND_` belong to other apps. */
export function misspeltVariables(env: Readonly<Record<string, string | undefined>>): ConfigProblem[] {
  const known = settingNames.map(envName);
  return Object.keys(env)
    .filter((key) => key.startsWith('PYTHOND_') && key !== 'PYTHOND_HOME' && !known.includes(key))
    .filter((key) => isMisspelt(key, known))
    .map((key) => unknownKey(key, 'environment', null, known));
}

function isMisspelt(key: string, known: readonly string[]): boolean {
  const bare = (name: string) => name.replace(/^PYTHOND_/, '');
  return nearest(bare(key), known.map(bare)) !== null;
}

export function settingsOfFlags(flags: Partial<Record<SettingName, unknown>>): Sourced {
  const values: Sourced = {};
  for (const name of settingNames) {
    const given = flags[name];
    if (given === undefined) continue;
    const value = typeof given === 'string' ? fromText(name, given) : given;
    values[name] = { value, file: 'command line', line: null, key: flagName(name), from: 'flag' };
  }
  return values;
}

function fromText(name: SettingName, text: string): unknown {
  const { text: form }: SettingKey<unknown> = settingKeys[name];
  if (form === undefined) return text;
  if (form === 'number') return /^\d+$/.test(text.trim()) ? Number(text) : text;
  return text
    .split(form.separator)
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

function unknownKey(key: string, file: string, line: number | null, known: readonly string[]): ConfigProblem {
  const meant = nearest(key, known);
  return {
    ...{ level: 'warning', code: 'unknown-key', file, line, block: null, name: null, key },
    message: `the key ${quoted(key)} is not known and is ignored`,
    hint: meant === null ? 'remove it' : `did you mean ${meant}?`,
  };
}

function broken(
  code: ConfigProblem['code'],
  line: number | null,
  message: string,
  hint: string | null = null,
): SettingsFile {
  const place = { level: 'error', file: FILE, line, block: null, name: null, key: null } as const;
  return { values: {}, gitRepos: null, problems: [{ ...place, code, message: `the file ${message}`, hint }] };
}
