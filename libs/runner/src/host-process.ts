import { chmodSync, mkdirSync, mkdtempSync, realpathSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { execa } from 'execa';
import { CappedText } from './capped-text.ts';
import type { LastWords } from './host-death.ts';
import { residentKb } from './process-table.ts';
import { ProcessTree } from './process-tree.ts';
import { removeFolder } from './remove-folder.ts';

const OUTPUT_KEPT_BYTES = 64 * 1024;
/** How long a killed process may take to be gone; only one stuck in the kernel takes longer. */
const REAP_MS = 10_000;
/** What came before the end of a process may still be in the socket when its end is known. */
const LAST_WORDS_MS = 500;

export interface HostCommand {
  /** The interpreter: an absolute path. */
  readonly executable: string;
  /** The folder of `pythond_host.py`. */
  readonly corePath: string;
  /** The whole environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** A private folder for this host is made below it. */
  readonly tmpDir: string;
}

export interface ProcessExit {
  readonly exitCode: number | null;
  readonly signal: string | null;
}

/**
 * The process of a host: a session and process group of its own, an empty folder as current folder, nothing in
 * its arguments but paths, the environment as given but for MALLOC_ARENA_MAX and TMPDIR, descriptor 3 as a stream
 * socket to us.
 *
 * It is *alive* until `exited` resolves; a process that could not be started never was, and `exited` rejects.
 */
export class HostProcess {
  readonly pid: number | null;
  /** Where the host may make folders for its runs. */
  readonly tmpRoot: string;
  readonly socket: Socket;
  readonly stdout = new CappedText(OUTPUT_KEPT_BYTES);
  readonly stderr = new CappedText(OUTPUT_KEPT_BYTES);
  /** Resolves when the process is gone and what it sent is read; rejects when it could not be started. */
  readonly exited: Promise<ProcessExit>;
  readonly #folder: string;
  readonly #tree: ProcessTree | null;
  #alive: boolean;

  constructor(command: HostCommand) {
    this.#folder = mkdtempSync(join(realpathSync(command.tmpDir), 'host-'));
    chmodSync(this.#folder, 0o711); // a host that takes another uid has to get through to its tmpRoot
    this.tmpRoot = join(this.#folder, 'tmp');
    const cwd = join(this.#folder, 'empty');
    mkdirSync(this.tmpRoot, 0o700);
    mkdirSync(cwd, 0o755);
    const child = start(command, cwd, this.tmpRoot);
    this.pid = child.pid ?? null;
    this.#alive = child.pid !== undefined;
    this.#tree = child.pid === undefined ? null : new ProcessTree(child.pid, this.#folder);
    // Node makes a 'pipe' beyond 2 a connected unix stream socket, good both ways.
    this.socket = child.stdio[3] as unknown as Socket;
    this.socket.on('error', () => {}); // a reset is told by 'close'
    child.stdout.on('data', (chunk: Buffer) => this.stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => this.stderr.push(chunk));
    this.exited = this.#watch(child);
    this.exited.catch(() => {});
  }

  /** Notes which processes are below the host, for the case that it dies by surprise. */
  async remember(): Promise<void> {
    await this.#tree?.remember();
  }

  residentKb(): number | null {
    return this.#alive && this.pid !== null ? residentKb(this.pid) : null;
  }

  /** Kills the host and everything below it, at once, and removes its folder. */
  async destroy(): Promise<LastWords> {
    this.socket.destroy();
    await this.#tree?.kill(() => this.#alive);
    const exited = this.exited.catch(() => null);
    const { exitCode = null, signal = null } = (await within(REAP_MS, exited)) ?? {};
    await removeFolder(this.#folder).catch(() => {}); // the worker deletes the folder above it at its end
    return { exitCode, signal, stdout: this.stdout.toString(), stderr: this.stderr.toString() };
  }

  async #watch(child: ReturnType<typeof start>): Promise<ProcessExit> {
    const closed = new Promise<void>((resolve) => this.socket.once('close', () => resolve()));
    // execa's own promise waits for the streams to end, and a stray may hold those for ever.
    const exited = new Promise<ProcessExit>((resolve) =>
      child.once('exit', (exitCode, signal) => {
        this.#alive = false;
        resolve({ exitCode, signal });
      }),
    );
    const settled = child.then((result) => result);
    if (this.pid === null) throw new Error((await settled).originalMessage ?? 'it could not be started');
    const exit = await exited;
    await within(LAST_WORDS_MS, closed);
    return exit;
  }
}

function start(command: HostCommand, cwd: string, tmpRoot: string) {
  return execa(command.executable, ['-I', join(command.corePath, 'pythond_host.py')], {
    cwd,
    // The host sets TMPDIR anyway; in its first environment it tells the kernel whose every later process is.
    env: { MALLOC_ARENA_MAX: '1', ...command.environment, TMPDIR: tmpRoot },
    extendEnv: false,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    detached: true, // setsid
    cleanup: false, // when the worker dies, descriptor 3 closes, and the host ends itself
    buffer: false,
    reject: false,
    encoding: 'buffer',
  });
}

function within<T>(ms: number, promise: Promise<T>): Promise<T | null> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(null), ms);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
