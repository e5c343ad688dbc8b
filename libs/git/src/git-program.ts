import { execa } from 'execa';
import { GitError } from './errors.ts';

export interface GitProgramOptions {
  /** The bare repository. */
  readonly gitDir: string;
  /** The whole environment, see `git-environment.ts`. */
  readonly environment: Readonly<Record<string, string>>;
  /** No file that git writes may be larger; bytes. */
  readonly maxFileBytes: number;
}

export interface GitCall {
  readonly args: readonly string[];
  readonly input?: string;
  readonly timeoutMs: number;
  /** Of the output; more is an error. */
  readonly maxBytes?: number;
  readonly signal: AbortSignal;
}

export interface GitResult {
  readonly ok: boolean;
  readonly stdout: Buffer;
  readonly stderr: string;
  /** Why it did not come to its end. */
  readonly stopped: 'time' | 'signal' | 'output' | null;
}

const DEFAULT_MAX_BYTES = 1024 * 1024;

/**
 * Set for every call, so that neither the repository's own configuration nor anybody else's counts: nothing that is
 * in a repository, or beside it, makes git run a program (git-config(1)).
 */
const CONFIG = [
  'core.hooksPath=/dev/null',
  'core.fsmonitor=false',
  'core.sshCommand=',
  'core.askPass=',
  'credential.helper=',
  'fetch.recurseSubmodules=false',
  'submodule.recurse=false',
  'gc.auto=0',
  'maintenance.auto=false',
  // always one pack: the limit of a file's size is one of the fetch then
  'fetch.unpackLimit=1',
  'transfer.unpackLimit=1',
  'core.bigFileThreshold=8m',
  'http.sslVerify=true',
  'http.lowSpeedLimit=500',
  'http.lowSpeedTime=30',
];

/** In POSIX's sh a unit of `ulimit -f` has 512 bytes. */
const ULIMIT_UNIT = 512;
const LIMITED = 'ulimit -f "$0" && exec git "$@"';

/** Runs git on one bare repository: no terminal, no shell but for the limit, no environment but its own, an end. */
export class GitProgram {
  readonly #options: GitProgramOptions;

  constructor(options: GitProgramOptions) {
    this.#options = options;
  }

  async run({ args, input, timeoutMs, maxBytes = DEFAULT_MAX_BYTES, signal }: GitCall): Promise<GitResult> {
    const { gitDir, environment, maxFileBytes } = this.#options;
    const all = [...CONFIG.flatMap((entry) => ['-c', entry]), '--git-dir', gitDir, ...args];
    const blocks = String(Math.ceil(maxFileBytes / ULIMIT_UNIT));
    const timer = AbortSignal.timeout(timeoutMs);
    const ending = AbortSignal.any([signal, timer]);
    if (ending.aborted) return notRun();
    const child = execa('/bin/sh', ['-c', LIMITED, blocks, ...all], {
      ...{ env: environment, extendEnv: false, cwd: '/', reject: false, detached: true, encoding: 'buffer' },
      ...(input === undefined ? { stdin: 'ignore' } : { input }),
      maxBuffer: maxBytes,
      stripFinalNewline: false,
    });
    const kill = () => killGroup(child.pid);
    ending.addEventListener('abort', kill, { once: true });
    try {
      const result = await child;
      if (result.code === 'ENOENT') throw noShell(result.originalMessage);
      return {
        ok: !result.failed,
        stdout: Buffer.from(result.stdout),
        stderr: Buffer.from(result.stderr).toString('utf8'),
        stopped: result.isMaxBuffer ? 'output' : signal.aborted ? 'signal' : timer.aborted ? 'time' : null,
      };
    } finally {
      ending.removeEventListener('abort', kill);
    }
  }
}

function notRun(): GitResult {
  return { ok: false, stdout: Buffer.alloc(0), stderr: '', stopped: 'signal' };
}

/** Git's helpers (the transport, ssh) are in the group that was made for it. */
function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // ended already
  }
}

function noShell(why: string | undefined): GitError {
  return new GitError('git-missing', `/bin/sh can't be started (${why ?? 'unknown'}), which git repos need`);
}
