import { InterpreterError, probeSandbox, resolveInterpreter } from '@pythond/runner';
import { describeProbe, type SandboxLevel, type SandboxProbe } from '@pythond/sandbox';

/** What this worker can confine. */
export interface WorkerSandbox {
  readonly level: SandboxLevel;
  /** For people: the level, and how it is had; or why there is none. */
  readonly text: string;
}

export interface FindSandboxOptions {
  /** The setting of the worker. */
  readonly wanted: SandboxLevel;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The folder of the Python host. */
  readonly corePath: string;
  readonly platform?: NodeJS.Platform | undefined;
}

/** Confinement is wanted and can't be had. The message names what is missing and how to get it. */
export class SandboxUnavailableError extends Error {
  override readonly name = 'SandboxUnavailableError';
  readonly code = 'sandbox-unavailable';
}

/**
 * Finds out whether this worker can confine, by trying it with the `python3` of its PATH. Without one it is tried when
 * the first input names another; every interpreter is tried before it is used.
 *
 * @throws SandboxUnavailableError, SandboxProbeError
 */
export async function findSandbox(options: FindSandboxOptions): Promise<WorkerSandbox> {
  const { wanted, env, corePath, platform = process.platform } = options;
  if (wanted === 'none') return { level: 'none', text: 'none: sandbox = "none" is set for this worker' };
  if (platform !== 'linux')
    return {
      level: 'none',
      text: `none: there is no sandbox on ${platform === 'darwin' ? 'macOS' : platform}`,
    };
  const interpreter = await findPython(env);
  if (!interpreter) return { level: 'strict', text: 'strict (to be tried: there is no python3 on the PATH)' };
  const probe = await probeSandbox({ interpreter, environment: {}, corePath });
  if (!probe.strict) throw new SandboxUnavailableError(refusal(probe));
  return { level: 'strict', text: describeProbe(probe) };
}

/** Why collectors can't be confined, what would help, and the way round. */
export function refusal({ missing }: SandboxProbe): string {
  const lines = missing.map(({ what, remedy }) => `  - ${what}: ${remedy}`);
  return [
    "Collectors can't be confined here, so none is run. Missing:",
    ...(lines.length > 0 ? lines : ['  - it is not known what']),
    'To run them all the same, with all rights of this worker: sandbox = "none" in pythond.toml, or PYTHOND_SANDBOX=none.',
  ].join('\n');
}

async function findPython(env: FindSandboxOptions['env']) {
  try {
    const environment = Object.fromEntries(
      Object.entries(env).flatMap(([k, v]) => (v === undefined ? [] : [[k, v]])),
    );
    return await resolveInterpreter({ cmd: 'python3', environment, path: env['PATH'] ?? '', cwd: '/' });
  } catch (error) {
    if (error instanceof InterpreterError) return null;
    throw error;
  }
}
