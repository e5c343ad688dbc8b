import { execa } from 'execa';
import { type Environment, findPrograms } from './path-search.ts';

/** A server program that can be started. */
export interface RedisServer {
  readonly path: string;
  readonly flavour: 'redis' | 'valkey';
  readonly version: string;
}

const VERSION_TIMEOUT_MS = 10_000;
/** BullMQ needs it. */
const OLDEST = [6, 2] as const;

/** The first program on the PATH that is new enough; what was found and is of no use goes to `unfit`, as a sentence. */
export async function serverOnPath(env: Environment, unfit: string[]): Promise<RedisServer | null> {
  for (const name of ['valkey-server', 'redis-server']) {
    for (const path of await findPrograms(name, env)) {
      const server = await examine(path, env);
      if (typeof server !== 'string') return server;
      unfit.push(server);
    }
  }
  return null;
}

/** Asks a program for its version; a sentence when it can't be used. */
export async function examine(path: string, env: Environment): Promise<RedisServer | string> {
  const asked = await execa(path, ['--version'], {
    env,
    extendEnv: false,
    reject: false,
    stdin: 'ignore',
    timeout: VERSION_TIMEOUT_MS,
    maxBuffer: 10_000,
  });
  const version = /\bv=(\d+)\.(\d+)(?:\.\d+)?/.exec(asked.stdout);
  if (asked.failed || version === null) return `${path} does not tell its version.`;
  const [major, minor] = [Number(version[1]), Number(version[2])];
  const text = version[0].slice('v='.length);
  if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) {
    return `${path} is version ${text}; ${OLDEST.join('.')} or newer is needed.`;
  }
  return { path, flavour: /^valkey/i.test(asked.stdout) ? 'valkey' : 'redis', version: text };
}
