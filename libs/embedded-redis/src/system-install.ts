import { existsSync } from 'node:fs';
import { execa } from 'execa';
import { type Environment, findPrograms } from './path-search.ts';

interface Manager {
  readonly program: string;
  /** Run first; may fail. */
  readonly prepare: readonly string[] | null;
  readonly install: readonly string[];
  /** The first that the system has. */
  readonly packages: readonly string[];
}

const MANAGERS: readonly Manager[] = [
  {
    program: 'apt-get',
    prepare: ['update', '-q'],
    install: ['install', '-q', '-y', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=120'],
    packages: ['redis-server', 'valkey-server'],
  },
  { program: 'dnf', prepare: null, install: ['install', '-y'], packages: ['valkey', 'redis'] },
  { program: 'apk', prepare: null, install: ['add', '--no-cache'], packages: ['valkey', 'redis'] },
];

const INSTALL_TIMEOUT_MS = 10 * 60_000;

export interface InstallOptions {
  readonly env: Environment;
  readonly say: (line: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Installs a server with the system's package manager, which needs root. Why it did not work goes to `failures`, as
 * sentences. The service that Debian's package starts is switched off again: nobody asked for a Redis without a
 * password on a port.
 */
export async function installFromSystem(options: InstallOptions, failures: string[]): Promise<boolean> {
  for (const manager of MANAGERS) {
    const [path] = await findPrograms(manager.program, options.env);
    if (path === undefined) continue;
    options.say(`There is no Redis here: installing it with ${manager.program} (once; may take a minute).`);
    if (manager.prepare) await run(path, manager.prepare, options);
    for (const name of manager.packages) {
      const failure = await run(path, [...manager.install, name], options);
      if (failure === null) {
        await switchOffService(name, options);
        return true;
      }
      failures.push(`${manager.program} can't install ${name}: ${failure}`);
    }
  }
  return false;
}

/** @returns the end of what the program said when it failed */
async function run(path: string, args: readonly string[], options: InstallOptions): Promise<string | null> {
  const result = await execa(path, args, {
    env: { ...options.env, DEBIAN_FRONTEND: 'noninteractive' },
    extendEnv: false,
    reject: false,
    stdin: 'ignore',
    all: true,
    timeout: INSTALL_TIMEOUT_MS,
    ...(options.signal ? { cancelSignal: options.signal } : {}),
  });
  options.signal?.throwIfAborted();
  if (!result.failed) return null;
  const lines = (result.all ?? '').trim().split('\n').slice(-3).join(' / ');
  return lines || (result.shortMessage ?? 'it failed');
}

async function switchOffService(name: string, options: InstallOptions): Promise<void> {
  const [systemctl] = await findPrograms('systemctl', options.env);
  if (systemctl === undefined || !existsSync('/run/systemd/system')) return;
  const failure = await run(systemctl, ['disable', '--now', `${name}.service`], options);
  if (failure === null) {
    options.say(`The service that came with ${name} is switched off: this program runs a Redis of its own.`);
  }
}
