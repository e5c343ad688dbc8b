import { join } from 'node:path';
import { execa } from 'execa';
import { z } from 'zod';
import { ScriptSurveyError } from './errors.ts';

const TIMEOUT_MS = 60_000;
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;
const SHOWN_CHARS = 300;

const text = z.string().max(4_096);

/** Something that a script relies on, as its text tells: `what` it is about, on which line. */
export const scriptFactSchema = z.object({
  kind: z.enum([
    'syntax',
    'missing-module',
    'library-name',
    'collector',
    'no-interval',
    'bad-interval',
    'environment',
    'host',
    'server',
    'destination',
    'direct-post',
    'unix-socket',
    'path',
  ]),
  line: z.number().int().min(0),
  /** The module, class, variable, program, address or path; null: made while it runs. */
  what: text.nullable(),
  /** Of a missing module: imported whenever the script is. Of a variable: the script fails without. Of `host`: evidence, not a hint. */
  sure: z.boolean().optional(),
  /** Of an interval, as Python writes it. */
  value: text.optional(),
  /** Of a path. */
  mode: z.enum(['read', 'write', 'import']).optional(),
  /** Of a path: made of `__file__`. */
  own: z.boolean().optional(),
});
export type ScriptFact = z.infer<typeof scriptFactSchema>;

const answerSchema = z.object({
  files: z.array(z.object({ path: z.string(), facts: z.array(scriptFactSchema) })),
});

export interface SurveyedFile {
  /** What it is called in the answer. */
  readonly path: string;
  /** Where it lies on the disk: what its `__file__` would be. */
  readonly disk: string;
  /** Whether collectors are looked for in it. */
  readonly listed: boolean;
  readonly content: Buffer;
}

export interface ScriptSurveyRequest {
  readonly interpreter: { readonly executable: string };
  /** The environment of the input: where its interpreter finds modules. */
  readonly environment: Readonly<Record<string, string>>;
  /** The folder of `pythond_host.py`. */
  readonly corePath: string;
  readonly files: readonly SurveyedFile[];
  /** Folders on the disk that the scripts may import from. */
  readonly roots: readonly string[];
}

/**
 * Has scripts parsed by the interpreter that is to run them; nothing of them is imported or run.
 *
 * @returns the facts of each file, by its path, in the order of lines
 * @throws ScriptSurveyError when there is no answer
 */
export async function surveyScripts(
  request: ScriptSurveyRequest,
): Promise<ReadonlyMap<string, readonly ScriptFact[]>> {
  const { interpreter, corePath, environment, files, roots } = request;
  const input = JSON.stringify({
    roots,
    files: files.map(({ content, ...file }) => ({ ...file, source: content.toString('base64') })),
  });
  const { stdout, stderr, exitCode, originalMessage } = await execa(
    interpreter.executable,
    ['-I', join(corePath, 'pythond_host.py'), '--survey'],
    {
      ...{ cwd: '/', extendEnv: false, env: environment, input, reject: false },
      ...{ timeout: TIMEOUT_MS, killSignal: 'SIGKILL', maxBuffer: MAX_OUTPUT_BYTES },
    },
  );
  const answer = answerSchema.safeParse(parse(stdout));
  if (answer.success) return new Map(answer.data.files.map(({ path, facts }) => [path, facts]));
  const said = (stderr || originalMessage || `exit code ${exitCode ?? 'unknown'}`).trim();
  throw new ScriptSurveyError(
    `${interpreter.executable} could not parse the scripts: ${said.slice(-SHOWN_CHARS)}`,
  );
}

function parse(answer: string): unknown {
  try {
    return JSON.parse(answer);
  } catch {
    return null;
  }
}
