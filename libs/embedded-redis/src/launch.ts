import { open, readdir } from 'node:fs/promises';
import { pause } from '@pythond/lifecycle';
import { EmbeddedRedisError } from './errors.ts';
import type { Environment } from './path-search.ts';
import { probe, type Serving } from './probe.ts';
import { redisConfig } from './redis-config.ts';
import { type RedisFolder, type SocketFolder, writePrivate } from './redis-folder.ts';
import { explainFailure, logTail, openLog } from './redis-log.ts';
import { diesWithParent, RedisProcess } from './redis-process.ts';
import type { RedisServer } from './server-program.ts';

const POLL_MS = 5;

export interface Launch {
  readonly folder: RedisFolder;
  readonly sockets: SocketFolder;
  readonly password: string;
  readonly server: RedisServer;
  readonly env: Environment;
  readonly signal?: AbortSignal | undefined;
}

/** Writes the configuration and starts the server; it is not ready yet. */
export async function launch(options: Launch): Promise<{ redis: RedisProcess; tail: () => Promise<string> }> {
  const { folder, sockets, password, server, env } = options;
  await requireReadable(folder, server);
  const wrapper = await diesWithParent(env);
  const config = redisConfig({ socketPath: sockets.socketPath, dataDir: folder.dataDir, password });
  await writePrivate(folder.configFile, config);
  const configFile = await open(folder.configFile);
  const log = await openLog(folder);
  try {
    const files = { configFd: configFile.fd, logFd: log.handle.fd };
    const redis = new RedisProcess({ server, cwd: folder.dataDir, env, wrapper, ...files });
    await writePrivate(folder.pidFile, `${redis.pid}\n`);
    return { redis, tail: () => logTail(folder, log.from, password) };
  } finally {
    await configFile.close();
    await log.handle.close();
  }
}

/** Redis 6 knows one append-only file, and would begin anew, without a word, beside the folder that Redis 7 keeps. */
async function requireReadable({ dataDir }: RedisFolder, server: RedisServer): Promise<void> {
  if (Number.parseInt(server.version, 10) >= 7 || !(await readdir(dataDir)).includes('appendonlydir')) return;
  throw new EmbeddedRedisError(
    'redis-data-newer',
    `The data in ${dataDir} was written by Redis 7 or newer, and ${server.path} is ${server.version}. Install a newer one, or move the folder away to begin anew.`,
  );
}

export interface ReadyWait {
  readonly launch: Launch;
  readonly timeoutMs: number;
  readonly say: (line: string) => void;
  /** The process, when we started it, and what it last said. */
  readonly started?: { readonly redis: RedisProcess; readonly tail: () => Promise<string> } | undefined;
}

/** Waits until the server answers. Loading may take as long as it takes; not to answer at all has a limit. */
export async function untilReady(wait: ReadyWait): Promise<Serving> {
  const { folder, sockets, password, server, signal } = wait.launch;
  let ended = false;
  wait.started?.redis.exited.then(() => {
    ended = true;
  });
  let deadline = Date.now() + wait.timeoutMs;
  let isLoading = false;
  for (;;) {
    signal?.throwIfAborted();
    const hasEnded = ended;
    const found = await probe(sockets.socketPath, password);
    if (found.state === 'ready') return found;
    if (found.state === 'loading') {
      if (!isLoading) wait.say('Redis is loading its data.');
      isLoading = true;
      deadline = Date.now() + wait.timeoutMs;
    }
    const tail = wait.started
      ? await tailOnFailure(hasEnded || Date.now() > deadline, wait.started.tail)
      : null;
    if (tail !== null) throw explainFailure(folder, server, tail || 'nothing');
    if (Date.now() > deadline) {
      throw new EmbeddedRedisError('redis-start-failed', `Redis on ${sockets.socketPath} does not answer.`);
    }
    await pause(POLL_MS, signal);
  }
}

async function tailOnFailure(failed: boolean, tail: () => Promise<string>): Promise<string | null> {
  return failed ? tail() : null;
}
