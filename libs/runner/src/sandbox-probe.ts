import { join } from 'node:path';
import { type SandboxProbe, sandboxProbeSchema } from '@pythond/sandbox';
import { execa } from 'execa';
import { SandboxProbeError } from './errors.ts';

/** Forks a few children that confine themselves; ten times as long as on a slow machine. */
const TIMEOUT_MS = 30_000;
const MAX_OUTPUT_BYTES = 256 * 1024;
const SHOWN_CHARS = 300;

export interface SandboxProbeRequest {
  readonly interpreter: { readonly executable: string };
  /** Some interpreters find their libraries by LD_LIBRARY_PATH alone; nothing else of it matters here. */
  readonly environment: Readonly<Record<string, string>>;
  /** The folder of `pythond_host.py`. */
  readonly corePath: string;
}

const known = new Map<string, Promise<SandboxProbe>>();

/**
 * Finds out what a Python host of this interpreter can confine here, by trying it once. The kernel does not change
 * under a worker, so later calls for the same interpreter get the first answer; failures are not kept.
 *
 * @throws SandboxProbeError when there is no answer
 */
export function probeSandbox(request: SandboxProbeRequest): Promise<SandboxProbe> {
  const { interpreter, corePath, environment } = request;
  const { LD_LIBRARY_PATH: libraries = '' } = environment;
  const key = [interpreter.executable, corePath, libraries].join('\0');
  const probed = known.get(key) ?? probe(interpreter.executable, corePath, libraries);
  if (!known.has(key)) {
    known.set(key, probed);
    probed.catch(() => known.delete(key));
  }
  return probed;
}

async function probe(executable: string, corePath: string, libraries: string): Promise<SandboxProbe> {
  const { stdout, stderr, exitCode, originalMessage } = await execa(
    executable,
    ['-I', join(corePath, 'pythond_host.py'), '--probe'],
    {
      ...{ cwd: '/', extendEnv: false, stdin: 'ignore', reject: false },
      env: libraries === '' ? {} : { LD_LIBRARY_PATH: libraries },
      ...{ timeout: TIMEOUT_MS, killSignal: 'SIGKILL', maxBuffer: MAX_OUTPUT_BYTES },
    },
  );
  const answer = sandboxProbeSchema.safeParse(parse(stdout));
  if (answer.success) return answer.data;
  const said = (stderr || stdout || originalMessage || `exit code ${exitCode ?? 'unknown'}`).trim();
  throw new SandboxProbeError(
    `${executable} could not find out what can be confined here: ${said.slice(-SHOWN_CHARS)}`,
  );
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
