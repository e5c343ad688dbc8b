import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { findRedisServer } from '@pythond/embedded-redis';
import { eventually } from './eventually.ts';
import { listenSteadily } from './steady-port.ts';

export interface RedisServerOptions {
  /** The whole redis.conf but for its folder; called again with another port where that was taken. */
  readonly config: (port: number, dir: string) => readonly string[] | Promise<readonly string[]>;
  readonly args?: readonly string[];
}

export interface RedisServer {
  readonly port: number;
  readonly dir: string;
  readonly pid: number;
  readonly log: () => string;
  kill(): Promise<void>;
  /** Kills it, and removes its folder. */
  stop(): Promise<void>;
}

/** A real redis-server, as somebody else would run it: with a configuration of the test's own, on a loopback port. */
export async function startRedisServer(options: RedisServerOptions): Promise<RedisServer> {
  for (let tries = 1; ; tries += 1) {
    const server = await tryStart(options);
    const state = await eventually('redis-server to listen or to end', () => {
      if (/Ready to accept connections|Sentinel ID is/.test(server.log())) return 'ready';
      return server.ended() ? 'ended' : null;
    });
    if (state === 'ready') return server;
    await server.stop();
    if (tries === 5 || !/Address already in use/.test(server.log())) {
      throw new Error(`redis-server ended: ${server.log()}`);
    }
  }
}

async function tryStart({ config, args = [] }: RedisServerOptions) {
  const { path: executable } = await findRedisServer({ env: process.env, say: () => undefined });
  const dir = await mkdtemp(path.join(tmpdir(), 'pythond-redis-'));
  const port = await freePort();
  const file = path.join(dir, 'redis.conf');
  const lines = await config(port, dir);
  await writeFile(file, [`dir ${dir}`, 'bind 127.0.0.1', 'protected-mode no', ...lines, ''].join('\n'));
  const child = spawn(executable, [file, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  }
  let isOver = false;
  const over = once(child, 'close').then(() => {
    isOver = true;
  });
  const kill = async () => {
    child.kill('SIGKILL');
    await over;
  };
  return {
    ...{ port, dir, pid: child.pid ?? 0, log: () => said, ended: () => isOver, kill },
    stop: async () => {
      await kill();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** A port of the loopback where nothing listens, and which no system hands out by itself. */
/** A port of the loopback where nothing listens, and which no system hands out by itself. */
export async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listenSteadily(server);
  server.close();
  await once(server, 'close');
  return port;
}
