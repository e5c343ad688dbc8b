import { type ChildProcess, spawn } from 'node:child_process';
import { withDeadline } from '@pythond/lifecycle';
import { execa } from 'execa';
import { type Environment, findPrograms } from './path-search.ts';
import type { RunningRedis } from './running-redis.ts';
import type { RedisServer } from './server-program.ts';

/** How a server ended. */
export interface RedisExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface SpawnOptions {
  readonly server: RedisServer;
  /** Put before the command. */
  readonly wrapper: readonly string[];
  readonly cwd: string;
  readonly env: Environment;
  /**
   * The configuration, as standard input. Not as the name of a file: from 7.0 on, a name with `?`, `*` or `[` in it
   * is a pattern, and when that matches nothing the server takes its defaults, a port without a password.
   */
  readonly configFd: number;
  /** Takes what the server prints; a file goes on taking it when we are gone. */
  readonly logFd: number;
}

/** What a server needs of the environment. Its `/proc/<pid>/environ` can be read, so secrets of ours stay out. */
const PASSED_ON = ['PATH', 'HOME', 'TZ', 'LANG', 'LC_ALL', 'LD_LIBRARY_PATH', 'DYLD_LIBRARY_PATH'];

/** A server that this process started, in a process group of its own: Ctrl-C in a terminal does not reach it. */
export class RedisProcess implements RunningRedis {
  readonly #child: ChildProcess;
  /** Resolves when it ended, or could not be started. */
  readonly exited: Promise<RedisExit>;

  constructor({ server, wrapper, cwd, env, configFd, logFd }: SpawnOptions) {
    const passed = PASSED_ON.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]]));
    const [program = server.path, ...args] = [...wrapper, server.path, '-'];
    this.#child = spawn(program, args, {
      cwd,
      env: Object.fromEntries(passed),
      detached: true,
      stdio: [configFd, logFd, logFd],
    });
    this.exited = new Promise((resolve) => {
      this.#child.once('exit', (code, signal) => resolve({ code, signal }));
      this.#child.once('error', () => resolve({ code: null, signal: null }));
    });
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  /** SIGTERM, on which it writes everything to the disk; SIGKILL to it and its children when that takes too long. */
  async stop(timeoutMs: number): Promise<void> {
    if (this.#child.pid === undefined || this.#child.exitCode !== null || this.#child.signalCode !== null)
      return;
    this.#child.kill('SIGTERM');
    await withDeadline(this.exited, timeoutMs, 'Stopping Redis').catch(() => {
      try {
        process.kill(-this.pid, 'SIGKILL');
      } catch {
        // It ended by itself at the last moment.
      }
    });
    await this.exited;
  }
}

/**
 * What to put before a command so that it gets SIGTERM when this process dies, whatever it dies of: setpriv of
 * util-linux, where there is one that knows how (not in Alpine, not on macOS). Nothing elsewhere: an orphan is then
 * adopted by the next start.
 */
export async function diesWithParent(env: Environment): Promise<string[]> {
  if (process.platform !== 'linux') return [];
  const [setpriv] = await findPrograms('setpriv', env);
  if (setpriv === undefined) return [];
  const wrapper = [setpriv, '--pdeathsig', 'TERM'];
  const tried = await execa(setpriv, ['--help'], { reject: false, stdin: 'ignore', timeout: 5_000 });
  return tried.stdout.includes('--pdeathsig') ? wrapper : [];
}
