import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { findRedisServer, startEmbeddedRedis } from '@pythond/embedded-redis';
import { connect, type Redis, type RedisTarget } from '@pythond/queue';

export interface TestRedis {
  readonly target: RedisTarget;
  /** Where its password and its append-only file are. */
  readonly dir: string;
  /** A connection for the test itself. */
  readonly redis: Redis;
  stop(): Promise<void>;
}

/** A real Redis of the test's own, gone with it. */
export async function startTestRedis(): Promise<TestRedis> {
  const dir = await mkdtemp(path.join(tmpdir(), 'pythond-test-redis-'));
  const program = await findRedisServer({ env: process.env, say: () => undefined });
  const server = await startEmbeddedRedis({ dir, server: program, env: process.env });
  const target: RedisTarget = { url: server.url, password: server.password };
  const redis = connect(target, 'failing', () => undefined);
  return {
    target,
    dir,
    redis,
    stop: async () => {
      redis.disconnect();
      await server.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
