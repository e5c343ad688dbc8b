import { EmbeddedRedisError } from './errors.ts';
import { serverOfPackage } from './memory-server.ts';
import type { Environment } from './path-search.ts';
import { type RedisServer, serverOnPath } from './server-program.ts';
import { installFromSystem } from './system-install.ts';

export interface FindRedisOptions {
  /** Of this process: its PATH is searched, and what is started gets it. */
  readonly env: Environment;
  /** Told what takes long or changes the system. */
  readonly say?: (line: string) => void;
  readonly signal?: AbortSignal;
  /** Whether something may be installed; by default when this process is root. */
  readonly mayInstall?: boolean;
  readonly importModule?: (name: string) => Promise<unknown>;
}

/**
 * A Redis or Valkey of 6.2 or newer: on the PATH, else installed with the system's package manager when root, else
 * the one of the package `redis-memory-server` where that is installed.
 *
 * @throws EmbeddedRedisError `redis-not-found`, which says what to install
 */
export async function findRedisServer(options: FindRedisOptions): Promise<RedisServer> {
  const { env, signal, say = () => undefined } = options;
  const reasons: string[] = [];
  const found = await serverOnPath(env, reasons);
  if (found) return found;
  if (options.mayInstall ?? process.getuid?.() === 0) {
    const installed = await installFromSystem({ env, say, signal }, reasons);
    const server = installed ? await serverOnPath(env, reasons) : null;
    if (server) return server;
  }
  const importModule = options.importModule ?? ((name: string) => import(name));
  const packaged = await serverOfPackage({ env, say, importModule }, reasons);
  if (packaged) return packaged;
  throw notFound([...new Set(reasons)]);
}

function notFound(reasons: readonly string[]): EmbeddedRedisError {
  const lines = [
    'There is no Redis: neither valkey-server nor redis-server (6.2 or newer) is on the PATH.',
    ...reasons,
    'Install one:',
    '  Debian, Ubuntu   sudo apt-get install redis-server',
    '  Fedora           sudo dnf install valkey',
    '  Alpine           apk add valkey',
    '  macOS            brew install redis',
    'or set REDIS_URL to one that runs elsewhere.',
  ];
  return new EmbeddedRedisError('redis-not-found', lines.join('\n'));
}
