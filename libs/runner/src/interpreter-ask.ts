import { execa } from 'execa';
import { ProcessTree } from './process-tree.ts';

const MARK = 'pythond-interpreter';
/** Read by any Python from 2.6 on; imports nothing that a folder on its path could shadow. */
const QUESTION = `import sys
info = ['%d.%d.%d' % sys.version_info[:3], sys.executable or '', sys.prefix, getattr(sys, 'base_prefix', sys.prefix)]
sys.stdout.write('${MARK}' + chr(0) + chr(0).join(info) + chr(0))
`;
const MAX_OUTPUT_BYTES = 64 * 1024;

/** What an interpreter says about itself. `executable` is empty when it does not know. */
export interface InterpreterAnswer {
  readonly version: string;
  readonly executable: string;
  readonly prefix: string;
  readonly basePrefix: string;
}

export type Asked =
  | { readonly kind: 'answer'; readonly answer: InterpreterAnswer }
  | { readonly kind: 'hangs' }
  /** The kernel would not run it: the system's code, `EACCES` say. */
  | { readonly kind: 'not-run'; readonly code: string; readonly message: string }
  /** It ran and said something else. */
  | { readonly kind: 'no-answer'; readonly exitCode: number | null; readonly output: string };

/**
 * Runs a command that may be a Python, may be a script that becomes one, and may be anything else. `-E -s`: what
 * the environment and the user's own site folder would load has no place here.
 */
export async function askInterpreter(
  file: string,
  environment: Readonly<Record<string, string>>,
  cwd: string,
  timeoutMs: number,
): Promise<Asked> {
  const child = execa(file, ['-E', '-s', '-c', QUESTION], {
    cwd,
    env: { ...environment },
    extendEnv: false,
    stdin: 'ignore',
    detached: true,
    cleanup: false,
    reject: false,
    stripFinalNewline: false,
    maxBuffer: MAX_OUTPUT_BYTES,
  });
  const { pid } = child;
  let hung = false;
  const timer = setTimeout(() => {
    hung = true;
    if (pid !== undefined)
      void new ProcessTree(pid, null).kill(() => child.exitCode === null && child.signalCode === null);
    child.stdout.destroy();
    child.stderr.destroy();
  }, timeoutMs);
  const result = await child;
  clearTimeout(timer);
  if (hung) return { kind: 'hangs' };
  if (pid === undefined) {
    return { kind: 'not-run', code: result.code ?? '', message: result.originalMessage ?? '' };
  }
  const answer = parseAnswer(result.stdout);
  if (answer) return { kind: 'answer', answer };
  const output = (result.stderr || result.stdout).trim();
  return { kind: 'no-answer', exitCode: result.exitCode ?? null, output };
}

function parseAnswer(stdout: string): InterpreterAnswer | null {
  const [version, executable, prefix, basePrefix, end] = stdout
    .slice(stdout.indexOf(`${MARK}\0`))
    .split('\0')
    .slice(1);
  if (!stdout.includes(`${MARK}\0`) || end === undefined) return null;
  return {
    version: version ?? '',
    executable: executable ?? '',
    prefix: prefix ?? '',
    basePrefix: basePrefix ?? '',
  };
}
