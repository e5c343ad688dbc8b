import { InterpreterError } from './errors.ts';
import { type Asked, askInterpreter, type InterpreterAnswer } from './interpreter-ask.ts';
import { type FoundFile, findCommand } from './interpreter-find.ts';

export interface InterpreterRequest {
  /** As the user wrote it: a name, or a path. */
  readonly cmd: string;
  /** The input's environment: a pyenv shim looks into it. */
  readonly environment: Readonly<Record<string, string>>;
  /** The worker's PATH: a bare name is looked up there, as the original does, and not on the input's. */
  readonly path: string;
  /** An existing, empty folder; a relative `cmd` counts from here. */
  readonly cwd: string;
  /** Whose `cmd` it is, for messages. */
  readonly input?: string | undefined;
  readonly timeoutMs?: number | undefined;
}

export interface Interpreter {
  /** Absolute: what to start. For a shim the Python behind it, for a virtual environment its own python. */
  readonly executable: string;
  /** `3.11.7` */
  readonly version: string;
  readonly prefix: string;
  readonly basePrefix: string;
  /** Where the command was found. */
  readonly found: string;
}

const OLDEST = [3, 8] as const;
const TIMEOUT_MS = 10_000;
const SHOWN_CHARS = 300;
/** A shim may lead elsewhere tomorrow though its own file stays as it is. */
const SHIM_MAX_AGE_MS = 60_000;
/** What decides which Python a shim becomes, or how a Python sees itself. */
const RELEVANT = /^(HOME|LD_LIBRARY_PATH|(PYENV|ASDF|MISE|RTX|CONDA|UV|VIRTUAL_ENV|__PYVENV)\w*)$/;
const MAX_CACHED = 1_000;

interface Cached {
  readonly answer: Promise<Interpreter>;
  readonly atMs: number;
}

const cache = new Map<string, Cached>();

/**
 * Finds out which Python a `cmd` is, by asking it once. Later calls for the same file and environment cost a look
 * at the file; failures are not kept.
 *
 * @throws InterpreterError
 */
export async function resolveInterpreter(request: InterpreterRequest): Promise<Interpreter> {
  const file = locate(request);
  const key = keyOf(request, file);
  const known = cache.get(key);
  if (known && (await isFresh(known, file))) return known.answer;
  const answer = ask(request, file);
  if (cache.size >= MAX_CACHED) cache.clear();
  cache.set(key, { answer, atMs: performance.now() });
  answer.catch(() => cache.delete(key));
  return answer;
}

async function isFresh(known: Cached, file: FoundFile): Promise<boolean> {
  const { executable } = await known.answer;
  return executable === file.path || performance.now() - known.atMs < SHIM_MAX_AGE_MS;
}

function keyOf({ environment, path: search, cwd }: InterpreterRequest, { path, stats }: FoundFile): string {
  const relevant = Object.entries(environment).filter(([name]) => RELEVANT.test(name));
  return JSON.stringify([path, stats.ino, stats.size, stats.mtimeMs, search, cwd, relevant.sort()]);
}

function locate(request: InterpreterRequest): FoundFile {
  const found = findCommand(request.cmd, request.path, request.cwd);
  switch (found.kind) {
    case 'file':
      return found;
    case 'missing':
      throw new InterpreterError('interpreter-not-found', `${subject(request)} ${missing(request)}`);
    case 'not-executable':
      throw new InterpreterError(
        'interpreter-not-executable',
        `${subject(request)} is ${found.why} (${found.path}); name a Python interpreter that this worker may execute`,
      );
  }
}

async function ask(request: InterpreterRequest, file: FoundFile): Promise<Interpreter> {
  const timeoutMs = request.timeoutMs ?? TIMEOUT_MS;
  // A shim finds its own tools where the worker found the shim.
  const environment = { ...request.environment, PATH: request.path };
  const asked = await askInterpreter(file.path, environment, request.cwd, timeoutMs);
  if (asked.kind !== 'answer') throw failure(request, file, asked, timeoutMs);
  const { answer } = asked;
  if (isTooOld(answer.version)) throw tooOld(request, file, answer);
  return { ...answer, executable: answer.executable || file.path, found: file.path };
}

function failure(
  request: InterpreterRequest,
  { path }: FoundFile,
  asked: Exclude<Asked, { kind: 'answer' }>,
  timeoutMs: number,
): InterpreterError {
  const who = `${subject(request)} (${path})`;
  switch (asked.kind) {
    case 'hangs':
      return new InterpreterError(
        'interpreter-hangs',
        `${who} did not answer within ${timeoutMs / 1000} s; try it in a shell: ${path} -c "import sys; print(sys.version)"`,
      );
    case 'not-run':
      return new InterpreterError(
        'interpreter-not-python',
        `${who} could not be executed: ${asked.message || asked.code}; name a Python interpreter`,
      );
    case 'no-answer':
      return new InterpreterError(
        'interpreter-not-python',
        `${who} does not behave like Python (exit code ${asked.exitCode ?? 'unknown'}${quoted(asked.output)}); name a Python interpreter`,
      );
  }
}

function tooOld(
  request: InterpreterRequest,
  { path }: FoundFile,
  answer: InterpreterAnswer,
): InterpreterError {
  return new InterpreterError(
    'interpreter-too-old',
    `${subject(request)} is Python ${answer.version} (${answer.executable || path}); ${OLDEST.join('.')} or newer is needed: install one and name it in cmd`,
  );
}

function isTooOld(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]);
}

function subject({ cmd, input }: InterpreterRequest): string {
  return `cmd = ${JSON.stringify(cmd)}${input === undefined ? '' : ` of input '${input}'`}`;
}

function missing({ cmd, path }: InterpreterRequest): string {
  return cmd.includes('/')
    ? 'does not exist on this worker; install it there or name another interpreter'
    : `was not found on this worker's PATH (${path || 'empty'}); install it or write an absolute path`;
}

function quoted(output: string): string {
  if (output === '') return ', no output';
  return `, output: ${output.length > SHOWN_CHARS ? `${output.slice(0, SHOWN_CHARS)}…` : output}`;
}
