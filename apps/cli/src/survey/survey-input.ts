import { existsSync } from 'node:fs';
import path from 'node:path';
import { type BundleEntry, type BundleLimits, collectBundle, defaultBundleLimits } from '@pythond/bundles';
import { expandEnvs } from '@pythond/config';
import type { InputDefinition, ModuleRef } from '@pythond/jobs';
import {
  type Interpreter,
  InterpreterError,
  resolveInterpreter,
  ScriptSurveyError,
  surveyScripts,
} from '@pythond/runner';
import { describeBundleProblem } from '@pythond/scheduler';
import type { Finding } from './finding.ts';
import { judgeFacts } from './judge-facts.ts';

export interface SurveyOptions {
  readonly home: string;
  /** Homes of git repos, which come before it. */
  readonly overlays: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly secretsDirs: readonly string[];
  readonly bundleLimits: Partial<BundleLimits>;
  readonly corePath: string;
}

/** What was found of an input without running anything of it. */
export interface InputSurvey {
  readonly definition: InputDefinition;
  readonly interpreter: Interpreter | InterpreterError;
  /** Of its files: missing folders, what can't be packed. */
  readonly problems: readonly {
    readonly level: 'error' | 'warning';
    readonly code: string;
    readonly text: string;
  }[];
  readonly findings: readonly Finding[];
  /** How many scripts were read. */
  readonly scripts: number;
}

/** Finds the interpreter and the files of an input, and what its scripts rely on. */
export async function surveyInput(definition: InputDefinition, options: SurveyOptions): Promise<InputSurvey> {
  const { home, overlays, bundleLimits } = options;
  const { dirs, files } = definition;
  const limits = { ...defaultBundleLimits, ...bundleLimits };
  const { entries, modules, roots, problems } = await collectBundle({ home, overlays, dirs, files, limits });
  const { environment } = await environmentOf(definition, options);
  const interpreter = await interpreterOf(definition, environment, options);
  const places = new DiskPlaces([...overlays, home]);
  const findings =
    interpreter instanceof InterpreterError
      ? []
      : await findingsOf({ definition, interpreter, environment, entries, modules, roots, places }, options);
  return {
    ...{ definition, interpreter },
    problems: problems.map((problem) => ({
      ...{ level: problem.level, code: problem.code, text: describeBundleProblem(definition, problem) },
    })),
    findings: [...sameModules(definition, modules, places), ...findings],
    scripts: scriptsOf(entries).length,
  };
}

async function environmentOf({ envs, policy }: InputDefinition, { env, secretsDirs }: SurveyOptions) {
  return expandEnvs({ envs, envAllow: policy.envAllow, env, secretsDirs });
}

async function interpreterOf(
  { cmd, key }: InputDefinition,
  environment: Readonly<Record<string, string>>,
  { env }: SurveyOptions,
): Promise<Interpreter | InterpreterError> {
  try {
    return await resolveInterpreter({ cmd, environment, path: env['PATH'] ?? '', cwd: '/', input: key });
  } catch (error) {
    if (error instanceof InterpreterError) return error;
    throw error;
  }
}

interface Subject {
  readonly definition: InputDefinition;
  readonly interpreter: Interpreter;
  readonly environment: Readonly<Record<string, string>>;
  readonly entries: readonly BundleEntry[];
  readonly modules: readonly ModuleRef[];
  readonly roots: readonly string[];
  readonly places: DiskPlaces;
}

type Script = Extract<BundleEntry, { kind: 'file' }>;

function scriptsOf(entries: readonly BundleEntry[]): Script[] {
  return entries.flatMap((entry) => (entry.kind === 'file' && /\.py$/i.test(entry.path) ? [entry] : []));
}

async function findingsOf(subject: Subject, options: SurveyOptions): Promise<Finding[]> {
  const { definition, interpreter, environment, entries, modules, roots, places } = subject;
  const listed = new Set(modules.map(({ file }) => file));
  const scripts = scriptsOf(entries);
  if (scripts.length === 0) return [];
  try {
    const facts = await surveyScripts({
      ...{ interpreter, environment, corePath: options.corePath },
      files: scripts.map(({ path: file, content }) => ({
        ...{ path: file, disk: places.disk(file), listed: listed.has(file), content },
      })),
      roots: roots.map((root) => places.disk(root)),
    });
    const { prefix, basePrefix } = interpreter;
    const packed = entries.flatMap((entry) => (entry.kind === 'file' ? [entry.path] : []));
    const readable = [...[...roots, ...packed].map((one) => places.disk(one)), prefix, basePrefix];
    const around = { home: options.home, python: definition.cmd, readable };
    return scripts.flatMap(({ path: file }) =>
      judgeFacts(
        definition,
        { file: places.shown(file), listed: listed.has(file), facts: facts.get(file) ?? [] },
        around,
      ),
    );
  } catch (error) {
    if (!(error instanceof ScriptSurveyError)) throw error;
    const { file, line } = definition.source;
    const remedy = 'look at the scripts with `pythond check`';
    const message = error.message;
    return [
      { level: 'warning', code: 'survey', input: definition.key, file, line, message, remedy, key: null },
    ];
  }
}

/** Two modules of one name in one block: DataKit ran one of them, in random order. */
function sameModules({ key }: InputDefinition, modules: readonly ModuleRef[], places: DiskPlaces): Finding[] {
  const first = new Map<string, ModuleRef>();
  const findings: Finding[] = [];
  for (const module of modules) {
    const other = first.get(module.name);
    first.set(module.name, other ?? module);
    if (!other) continue;
    findings.push({
      ...{
        level: 'warning',
        code: 'same-module',
        input: key,
        file: places.shown(module.file),
        line: null,
        key: null,
      },
      message: `has the name of ${places.shown(other.file)}: both run (DataKit ran one of them)`,
      remedy: 'rename one of them, or take the one out that you do not want',
    });
  }
  return findings;
}

/** From a path in a bundle to the disk: `python.d/a/b.py` of the first home that has it, `abs/x/y.py` as `/x/y.py`. */
class DiskPlaces {
  readonly #homes: readonly string[];

  constructor(homes: readonly string[]) {
    this.#homes = homes;
  }

  disk(file: string): string {
    const below = file.replace(/^files\/(?!abs\/)/, '').replace(/^files\/abs\//, 'abs/');
    if (below.startsWith('abs/')) return below.slice('abs'.length);
    const candidates = this.#homes.map((home) => path.join(home, below));
    return candidates.find((one) => existsSync(one)) ?? candidates.at(-1) ?? below;
  }

  shown(file: string): string {
    const disk = this.disk(file);
    const home = this.#homes.at(-1) ?? '/';
    return disk.startsWith(`${home}/`) ? path.relative(home, disk) : disk;
  }
}
