import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import {
  defaultSecretsDirs,
  formatProblem,
  readDatakitConf,
  readGitRepos,
  readInputs,
} from '@pythond/config';
import type { InputDefinition } from '@pythond/jobs';
import { InterpreterError } from '@pythond/runner';
import type { Finding, NeededKey } from '../survey/finding.ts';
import { surveyInput } from '../survey/survey-input.ts';
import type { KeyToWrite } from './write-keys.ts';

/** A file of the DataKit, by its path relative to both homes. */
export interface PlannedFile {
  readonly file: string;
  readonly state:
    | 'copy'
    /** The home has it already, with the same content. */
    | 'same'
    /** The home has another one of this name, which stays as it is. */
    | 'in-the-way';
}

export interface PlannedKey extends KeyToWrite {
  readonly input: string;
  /** The conf file and the line of the block. */
  readonly file: string;
  readonly line: number;
  /** Where each reason stands. */
  readonly reasons: readonly Pick<Finding, 'file' | 'line' | 'message'>[];
}

/** What taking over a DataKit's collectors would do. */
export interface Plan {
  readonly source: string;
  readonly home: string;
  readonly confs: readonly PlannedFile[];
  readonly scripts: readonly PlannedFile[];
  readonly keys: readonly PlannedKey[];
  /** What no key helps, and what is wrong with conf files: lines for people. */
  readonly seeTo: readonly string[];
  readonly inputs: readonly string[];
}

export interface PlanOptions {
  readonly source: string;
  readonly home: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly corePath: string;
}

const BLOCK = /^\s*\[\[?\s*inputs\.pythond\s*\]/m;

/** Reads a DataKit's home and the own one; changes nothing. */
export async function makePlan(options: PlanOptions): Promise<Plan> {
  const { source, home, env, corePath } = options;
  const { inputs, problems, files } = await readInputs({ home: source, env });
  const surveyed = {
    home: source,
    overlays: [],
    env,
    secretsDirs: defaultSecretsDirs(source),
    bundleLimits: {},
    corePath,
  };
  const surveys = await Promise.all(inputs.map((input) => surveyInput(input, surveyed)));
  const copies = new Set(problems.filter(({ code }) => code === 'duplicate-file').map(({ file }) => file));
  const confs = new Set(inputs.map(({ source: place }) => place.file));
  for (const file of files) {
    const text = await readFile(path.join(source, file), 'utf8').catch(() => '');
    if (BLOCK.test(text) && !copies.has(file)) confs.add(file);
  }
  const keys = surveys.flatMap(({ definition, findings }) => keysOf(definition, findings));
  const seeTo = [
    ...problems.map((problem) => formatProblem(problem)),
    ...(await gitOf(source)),
    ...surveys.flatMap(({ interpreter, problems: found, findings }) => [
      ...(interpreter instanceof InterpreterError ? [interpreter.message] : []),
      ...found.map(({ text }) => text),
      ...findings.filter((finding) => !isWritten(finding, keys)).map(describe),
    ]),
  ];
  return {
    ...{ source, home, keys, seeTo, inputs: inputs.map(({ key }) => key) },
    confs: await Promise.all([...confs].sort().map((file) => planned(file, options))),
    scripts: await Promise.all((await scriptsOf(source)).map((file) => planned(file, options))),
  };
}

/** What a script needs for sure; the others are for a person to decide. */
const ALWAYS: ReadonlySet<NeededKey['name']> = new Set(['env_allow', 'scope', 'isolation', 'destinations']);

function keysOf({ key: input, source }: InputDefinition, findings: readonly Finding[]): PlannedKey[] {
  const isOpen = findings.some(({ code, key }) => code === 'destination' && key === null);
  const byName = new Map<NeededKey['name'], { value: NeededKey['value']; reasons: Finding[] }>();
  for (const finding of findings) {
    const { key, level } = finding;
    if (key === null || (level !== 'error' && !ALWAYS.has(key.name))) continue;
    if (key.name === 'destinations' && isOpen) continue;
    const known = byName.get(key.name);
    if (!known) byName.set(key.name, { value: key.value, reasons: [finding] });
    else {
      if (Array.isArray(known.value) && Array.isArray(key.value))
        known.value = [...new Set([...known.value, ...key.value])];
      known.reasons.push(finding);
    }
  }
  return [...byName].map(([name, { value, reasons }]) => ({
    ...{ input, name, value, file: source.file, line: source.line },
    why: reasons.map(({ file, line }) => (line === null ? file : `${file}:${line}`)).join(', '),
    reasons: reasons.map(({ file, line, message }) => ({ file, line, message })),
  }));
}

function isWritten(finding: Finding, keys: readonly PlannedKey[]): boolean {
  return keys.some(
    ({ input, name, reasons }) =>
      input === finding.input &&
      name === finding.key?.name &&
      reasons.some(({ file, line }) => file === finding.file && line === finding.line),
  );
}

function describe({ file, line, message, remedy }: Finding): string {
  return `${file}${line === null ? '' : `:${line}`}: ${message}; ${remedy}`;
}

async function gitOf(source: string): Promise<string[]> {
  const file = path.join('conf.d', 'datakit.conf');
  const { conf } = await readDatakitConf(path.join(source, file), file);
  if (readGitRepos(conf.gitRepos, { file, home: source }).repos.length === 0) return [];
  return [`${file}: [git_repos] is not taken over; copy it into pythond.toml if collectors come from git`];
}

/** Everything in python.d but the framework and what Python left there. */
async function scriptsOf(source: string): Promise<string[]> {
  const found = await readdir(path.join(source, 'python.d'), { recursive: true, withFileTypes: true }).catch(
    () => [],
  );
  const files: string[] = [];
  for (const entry of found) {
    const file = path.relative(source, path.join(entry.parentPath, entry.name));
    const parts = file.split(path.sep);
    if (parts[1] === 'core' || parts.includes('__pycache__') || entry.name.endsWith('.pyc')) continue;
    const stats = await stat(path.join(source, file)).catch(() => null);
    if (stats?.isFile()) files.push(file);
  }
  return files.sort();
}

async function planned(file: string, { source, home }: PlanOptions): Promise<PlannedFile> {
  const own = await readFile(path.join(home, file)).catch((error: NodeJS.ErrnoException) => error);
  if (!Buffer.isBuffer(own)) return { file, state: own.code === 'ENOENT' ? 'copy' : 'in-the-way' };
  const theirs = await readFile(path.join(source, file));
  return { file, state: theirs.equals(own) ? 'same' : 'in-the-way' };
}
