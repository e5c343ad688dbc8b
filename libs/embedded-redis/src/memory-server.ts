import type { Environment } from './path-search.ts';
import { examine, type RedisServer } from './server-program.ts';

/** What we use of the package `redis-memory-server`: the path of the server that it has built, or builds now. */
interface BinaryFinder {
  getPath(): Promise<string>;
}

export interface MemoryServerOptions {
  readonly env: Environment;
  readonly say: (line: string) => void;
  readonly importModule: (name: string) => Promise<unknown>;
}

/** The server of `redis-memory-server`, where the user has installed that package. */
export async function serverOfPackage(
  { env, say, importModule }: MemoryServerOptions,
  failures: string[],
): Promise<RedisServer | null> {
  let module: unknown;
  try {
    module = await importModule('redis-memory-server');
  } catch {
    return null;
  }
  try {
    say(
      'Using the Redis of the package redis-memory-server; the first time it is compiled, which takes minutes.',
    );
    const server = await examine(await finderOf(module).getPath(), env);
    if (typeof server !== 'string') return server;
    failures.push(server);
  } catch (error) {
    failures.push(`redis-memory-server has none: ${error instanceof Error ? error.message : String(error)}`);
  }
  return null;
}

/** The package is CommonJS: its names stand in the module or in its default export. */
function finderOf(module: unknown): BinaryFinder {
  const names = module as { RedisBinary?: BinaryFinder; default?: { RedisBinary?: BinaryFinder } };
  const finder = names.RedisBinary ?? names.default?.RedisBinary;
  if (typeof finder?.getPath !== 'function') throw new Error('its version is not known to this program');
  return finder;
}
