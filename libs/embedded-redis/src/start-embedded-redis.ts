import { once, runAll } from '@pythond/lifecycle';
import { AdoptedRedis } from './adopted-redis.ts';
import { type Launch, launch, untilReady } from './launch.ts';
import { findOrphan } from './orphan.ts';
import type { OwnerLock } from './owner-lock.ts';
import type { Environment } from './path-search.ts';
import { prepareFolder, readPassword, socketUrl } from './redis-folder.ts';
import { logTail } from './redis-log.ts';
import type { RedisExit } from './redis-process.ts';
import type { RunningRedis } from './running-redis.ts';
import type { RedisServer } from './server-program.ts';
import { releaseFolder, takeFolder } from './take-folder.ts';

export interface EmbeddedRedisOptions {
  /** A folder of its own; made when missing, closed to other users. Data and password stay there. */
  readonly dir: string;
  /** From `findRedisServer`. */
  readonly server: RedisServer;
  /** Of this process: some of it is passed on. */
  readonly env: Environment;
  /** Told what a user should know: where it runs, that it loads, that an orphan was adopted. */
  readonly say?: (line: string) => void;
  /** Told once when the server ends though nobody called `stop`. */
  readonly onExit?: (exit: UnexpectedExit) => void;
  readonly signal?: AbortSignal;
  /** Without an answer; loading data does not count. */
  readonly startTimeoutMs?: number;
  readonly stopTimeoutMs?: number;
}

/** The server ended by itself. `code` and `signal` are null for one that was adopted. */
export interface UnexpectedExit extends RedisExit {
  readonly pid: number;
  /** The end of its log. */
  readonly log: string;
}

export interface EmbeddedRedis {
  /** `unix:///path`, percent-encoded, without the password. */
  readonly url: string;
  readonly socketPath: string;
  readonly password: string;
  /** Holds the password; mode 0600. */
  readonly passwordFile: string;
  readonly version: string;
  readonly pid: number;
  /** True when an earlier process of ours had left it running. */
  readonly adopted: boolean;
  /** Its data is on the disk when this resolves. Any number of times. */
  stop(): Promise<void>;
}

/**
 * Starts a Redis for this process alone: on a unix socket in a folder that only its user may enter, with a password.
 *
 * The folder belongs to one living process at a time. A server that outlived its process is adopted when it knows the
 * folder's password; nothing that this process did not start is ever signalled.
 *
 * @throws EmbeddedRedisError of all codes but `redis-not-found`
 */
export async function startEmbeddedRedis(options: EmbeddedRedisOptions): Promise<EmbeddedRedis> {
  const say = options.say ?? (() => undefined);
  const folder = await prepareFolder(options.dir);
  const { lock, sockets } = await takeFolder(folder, say);
  const release = () => releaseFolder(folder, lock, sockets);
  try {
    const password = await readPassword(folder);
    const { server, env, signal } = options;
    const how = { folder, sockets, password, server, env, signal };
    const served = await serve({ ...DEFAULTS, ...options, say }, how, lock);
    return handleOf({ ...DEFAULTS, ...options }, how, served, release);
  } catch (error) {
    await release();
    throw error;
  }
}

const DEFAULTS = { startTimeoutMs: 30_000, stopTimeoutMs: 10_000 };

type Settings = EmbeddedRedisOptions & typeof DEFAULTS;

interface Served {
  readonly redis: RunningRedis;
  readonly version: string;
  readonly adopted: boolean;
}

/** Adopts or launches, and waits for the answer; what was launched in vain is stopped again. */
async function serve(
  { startTimeoutMs, stopTimeoutMs, say }: Settings & { say: (line: string) => void },
  how: Launch,
  lock: OwnerLock,
): Promise<Served> {
  const orphan = await findOrphan({ ...how, timeoutMs: stopTimeoutMs });
  const wait = { launch: how, say, timeoutMs: startTimeoutMs };
  if (orphan) {
    const { version, pid } = await untilReady(wait);
    say(`Took over the Redis that an earlier process left running (pid ${pid}).`);
    return { redis: new AdoptedRedis(pid, how.sockets.socketPath, how.password), version, adopted: true };
  }
  await lock.requireOurs();
  const started = await launch(how);
  try {
    const { version } = await untilReady({ ...wait, started });
    return { redis: started.redis, version, adopted: false };
  } catch (error) {
    await started.redis.stop(stopTimeoutMs);
    throw error;
  }
}

function handleOf(
  { stopTimeoutMs, onExit }: Settings,
  { folder, sockets: { socketPath }, password }: Launch,
  { redis, version, adopted }: Served,
  release: () => Promise<void>,
): EmbeddedRedis {
  let stopping = false;
  void redis.exited.then(async (exit) => {
    if (stopping) return;
    const log = await logTail(folder, 0, password).catch(() => '');
    onExit?.({ ...exit, pid: redis.pid, log });
  });
  const stop = once(() => {
    stopping = true;
    return runAll([() => redis.stop(stopTimeoutMs), release]);
  });
  const url = socketUrl(socketPath);
  const { passwordFile } = folder;
  return { url, socketPath, password, passwordFile, version, pid: redis.pid, adopted, stop };
}
