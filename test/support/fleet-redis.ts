import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { findRedisServer, startEmbeddedRedis } from '@pythond/embedded-redis';
import { treeOf, untilGone } from './processes.ts';

/** The Redis of a fleet, which can end and come back. */
export interface FleetRedis {
  readonly url: string;
  readonly password: string;
  readonly passwordFile: string;
  stop(how: 'stop' | 'kill'): Promise<void>;
  start(): Promise<void>;
}

/** In a folder of its own within `dir`; `given`: settings that it takes on its command line only. */
export async function startFleetRedis(dir: string, given: readonly string[]): Promise<FleetRedis> {
  const found = await findRedisServer({ env: process.env, say: () => undefined });
  const server = given.length > 0 ? { ...found, path: await wrapped(found.path, dir, given) } : found;
  const begin = () => startEmbeddedRedis({ dir: path.join(dir, 'redis'), server, env: process.env });
  let running = await begin();
  const { url, password, passwordFile } = running;
  return {
    ...{ url, password, passwordFile },
    stop: async (how) => {
      if (how === 'kill') {
        const killed = treeOf(running.pid);
        process.kill(running.pid, 'SIGKILL');
        await untilGone(killed);
      }
      await running.stop();
    },
    start: async () => {
      running = await begin();
    },
  };
}

/** A program that adds these arguments to those of another one. */
async function wrapped(program: string, dir: string, given: readonly string[]): Promise<string> {
  const file = path.join(dir, path.basename(program));
  const words = given.map((word) => `'${word}'`).join(' ');
  await writeFile(file, `#!/bin/sh\nexec '${program}' "$@" ${words}\n`, { mode: 0o700 });
  return file;
}
