import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import {
  type EmbeddedRedis,
  type EmbeddedRedisOptions,
  findRedisServer,
  startEmbeddedRedis,
} from '@pythond/embedded-redis';
import { Redis } from 'ioredis';
import { onTestFinished, vi } from 'vitest';

const root = fileURLToPath(new URL('../../..', import.meta.url));

export async function temporary(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'redis-test-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

export const findServer = () => findRedisServer({ env: process.env, mayInstall: false });

/** Starts one that is stopped, and whose processes are gone, when the test is over. */
export async function start(
  dir: string,
  options: Partial<EmbeddedRedisOptions> = {},
): Promise<EmbeddedRedis> {
  const redis = await startEmbeddedRedis({ dir, server: await findServer(), env: process.env, ...options });
  // A test that made stopping fail has seen that.
  onTestFinished(() => redis.stop().catch(() => undefined));
  return redis;
}

/** A client that is closed when the test is over. */
export function clientOf({ socketPath, password }: Pick<EmbeddedRedis, 'socketPath' | 'password'>): Redis {
  const client = new Redis({
    path: socketPath,
    password,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
  });
  client.on('error', () => undefined);
  onTestFinished(() => client.disconnect());
  return client;
}

/** Sets and reads keys over connections that are closed before it returns. */
export async function withClient<T>(
  redis: Pick<EmbeddedRedis, 'socketPath' | 'password'>,
  work: (client: Redis) => Promise<T>,
): Promise<T> {
  const client = clientOf(redis);
  try {
    return await work(client);
  } finally {
    client.disconnect();
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  // One that has ended and was not waited for yet still has its number.
  return process.platform !== 'linux' || !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
}

export async function untilDead(pid: number): Promise<void> {
  await vi.waitFor(
    () => {
      if (isAlive(pid)) throw new Error(`process ${pid} still runs`);
    },
    { timeout: 60_000, interval: 10 },
  );
}

/** Another process runs what is built, not the sources: brings that up to date. */
export function build(): void {
  execFileSync(
    process.execPath,
    ['node_modules/typescript-native/bin/tsc', '--build', 'libs/embedded-redis'],
    {
      cwd: root,
      stdio: 'inherit',
    },
  );
}

export interface Owner {
  readonly process: ChildProcess;
  readonly said: {
    readonly pid?: number;
    readonly adopted?: boolean;
    readonly code?: string;
    readonly message?: string;
  };
}

/** Starts a Redis from a process of its own, with `path` as its PATH. */
export async function startOwner(dir: string, path = process.env['PATH'] ?? ''): Promise<Owner> {
  const script = fileURLToPath(new URL('owner.mjs', import.meta.url));
  const child = spawn(process.execPath, [script, JSON.stringify({ dir, path })], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  return { process: child, said: JSON.parse(line) };
}

/** As a crash would: no handler runs. */
export async function crash(owner: Owner): Promise<void> {
  const ended = once(owner.process, 'exit');
  owner.process.kill('SIGKILL');
  await ended;
}
