import { access, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { readInputs } from '@pythond/config';
import { InterpreterError, resolveInterpreter, ScriptSurveyError, surveyScripts } from '@pythond/runner';
import { type Context, type HomeFlags, settingsOf } from '../context.ts';
import { CommandError, type ExitCode, exitCodes } from '../exit.ts';
import { print, printJson } from '../terminal.ts';
import { corePath } from '../version.ts';

export interface NewFlags extends HomeFlags {
  readonly json?: boolean;
}

/** The words of the templates that stand for the name, its class, and the folder of the framework. */
const NAME = 'sample_name';
const CLASS = 'SampleName';
const CORE = '/path/of/the/core';

const templates = new URL('../../templates/', import.meta.url);

/** `pythond new NAME`: a collector that runs, its block, and a test for it; overwrites nothing. */
export async function newCollector(context: Context, name: string, flags: NewFlags): Promise<ExitCode> {
  const { terminal } = context;
  const { home } = await settingsOf(context, { ...(flags.home ? { home: flags.home } : {}) });
  if (!(await stat(home).catch(() => null))?.isDirectory())
    throw new CommandError(`${home} is no folder; name a home with --home or PYTHOND_HOME.`);
  requireName(name);
  await requireFree(home, name, context);
  const made = {
    [path.join('python.d', name, `${name}.py`)]: `${NAME}.py`,
    [path.join('conf.d', `${name}.conf`)]: `${NAME}.conf`,
    [path.join('tests', `test_${name}.py`)]: `test_${NAME}.py`,
  };
  await requireNew(home, Object.keys(made));
  for (const [file, template] of Object.entries(made)) {
    const text = await readFile(new URL(template, templates), 'utf8');
    await mkdir(path.dirname(path.join(home, file)), { recursive: true });
    await writeFile(path.join(home, file), filled(text, name), { flag: 'wx' });
  }
  const files = Object.keys(made);
  const id = `${name}/${name}/${name}:${classOf(name)}`;
  if (flags.json) {
    printJson(terminal, { home, collector: id, files });
    return exitCodes.ok;
  }
  for (const file of files) print(terminal, `${terminal.colors.green('✔')} ${file}`);
  const where = path.resolve(context.cwd) === home ? '' : ` --home ${home}`;
  const test = path.join(home, 'tests', `test_${name}.py`);
  print(terminal, '\nRun it once, here, without sending anything:');
  print(terminal, `  pythond check ${name}${where}`);
  print(terminal, 'Run its test, without a fleet:');
  print(terminal, `  python3 ${where === '' ? path.relative(home, test) : test}`);
  print(terminal, 'A fleet that runs in this home takes it up by itself.');
  return exitCodes.ok;
}

const KEYWORDS: ReadonlySet<string> = new Set(
  'and as assert async await break class continue def del elif else except finally for from global if import in is lambda match nonlocal not or pass raise return try while with yield none true false print exec core datakit_framework'.split(
    ' ',
  ),
);

/** A name of a folder, of a module and of an input: what all of them take. */
function requireName(name: string): void {
  if (!/^[A-Za-z][A-Za-z0-9_]{0,62}$/.test(name)) {
    const better = name
      .replace(/\W+/g, '_')
      .replace(/^[^A-Za-z]+|_+$/g, '')
      .slice(0, 63);
    const hint = better === '' ? '' : `; ${better}, for one`;
    throw new CommandError(
      `A collector's name is a letter, then letters, digits and _, at most 63 of them, not ${JSON.stringify(name)}${hint}.`,
    );
  }
  if (KEYWORDS.has(name.toLowerCase()))
    throw new CommandError(`${name} means something else in Python or here; choose another name.`);
}

/** Not a module of Python's own library, and not an input that there is. */
async function requireFree(home: string, name: string, { env }: Context): Promise<void> {
  const { inputs } = await readInputs({ home, env });
  const other = inputs.find((input) => input.name.toLowerCase() === name.toLowerCase());
  if (other)
    throw new CommandError(
      `There is an input of that name: ${other.source.file}:${other.source.line}. Choose another name.`,
    );
  if (await isOfLibrary(name, env))
    throw new CommandError(
      `Python has a module ${name} of its own, so "import ${name}" would get that; choose another name.`,
    );
}

async function isOfLibrary(name: string, env: Context['env']): Promise<boolean> {
  const environment = { PATH: env['PATH'] ?? '' };
  try {
    const interpreter = await resolveInterpreter({
      cmd: 'python3',
      environment,
      path: environment.PATH,
      cwd: '/',
    });
    const file = { path: `${name}.py`, disk: `/new/${name}.py`, listed: true, content: Buffer.alloc(0) };
    const facts = await surveyScripts({ interpreter, environment, corePath, files: [file], roots: ['/new'] });
    return facts.get(file.path)?.some(({ kind }) => kind === 'library-name') ?? false;
  } catch (error) {
    if (error instanceof InterpreterError || error instanceof ScriptSurveyError) return false; // `check` will tell
    throw error;
  }
}

async function requireNew(home: string, files: readonly string[]): Promise<void> {
  const there: string[] = [];
  for (const file of files) {
    const isThere = await access(path.join(home, file)).then(
      () => true,
      () => false,
    );
    if (isThere) there.push(file);
  }
  if (there.length > 0)
    throw new CommandError(`${there.join(' and ')} of ${home} would be overwritten; nothing was written.`);
}

function filled(text: string, name: string): string {
  return text
    .replaceAll(NAME, name)
    .replaceAll(CLASS, classOf(name))
    .replaceAll(CORE, corePath.replace(/\/$/, ''));
}

/** `disk_usage` → `DiskUsage`. */
function classOf(name: string): string {
  return name
    .split('_')
    .map((part) => part.slice(0, 1).toUpperCase() + part.slice(1))
    .join('');
}
