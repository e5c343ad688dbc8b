import type { ValueProblem } from './problem.ts';
import { isFleetSecret, variable } from './reference.ts';
import { type ReadSecret, secretReader } from './secret-file.ts';
import { ValueResolver } from './value-resolver.ts';

export interface ExpandEnvsOptions {
  /** `KEY=value` as the block has it; null: the block has no `envs`. */
  readonly envs: readonly string[] | null;
  /** The block's `env_allow`. */
  readonly envAllow: readonly string[];
  /** The worker's own environment. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The only folders that secrets are read from. */
  readonly secretsDirs: readonly string[];
  /** Instead of the file system, for tests. */
  readonly readSecret?: ReadSecret;
}

export interface ExpandedEnvs {
  /** The whole environment of the collectors, without the keys that have an error. */
  readonly environment: Readonly<Record<string, string>>;
  readonly problems: readonly ValueProblem[];
}

/**
 * What collectors may see of the worker's environment. `LD_LIBRARY_PATH` and `PYTHONPATH` are in it because conf
 * files extend them (`LD_LIBRARY_PATH=/path/to/lib:$LD_LIBRARY_PATH` in DataKit's manual).
 */
export const environmentAllowList: readonly string[] = [
  ...['PATH', 'HOME', 'LANG', 'TZ', 'LD_LIBRARY_PATH', 'PYTHONPATH'],
  ...['http_proxy', 'https_proxy', 'no_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY'],
];
const LOCALE = /^LC_[A-Z]+$/;

/**
 * The environment of a block's collectors, made on the worker from what the block says.
 *
 * Without `envs` it is the allow-list, as far as the worker has it. With `envs` it is those and nothing else, as in
 * DataKit; there `$NAME` and `${NAME}` expand from the allow-list, to nothing where the worker lacks the variable.
 * Any other name stays as it is written, which `PASSWORD=pa$word` needs too, and is warned of.
 */
export async function expandEnvs(options: ExpandEnvsOptions): Promise<ExpandedEnvs> {
  const { envs, env, readSecret = secretReader(options.secretsDirs) } = options;
  const environment: Record<string, string> = Object.create(null);
  const isAllowed = allowed(options.envAllow);
  if (envs === null) {
    for (const name of Object.keys(env).filter(isAllowed)) {
      const value = variable(env, name);
      if (value !== undefined) environment[name] = value;
    }
    return { environment, problems: [] };
  }
  const expand = (name: string) => (isAllowed(name) ? (variable(env, name) ?? '') : null);
  const resolver = new ValueResolver('envs', readSecret, expand);
  for (const entry of envs) {
    const cut = entry.indexOf('=');
    if (cut <= 0) continue;
    const key = entry.slice(0, cut);
    // The last entry of a name counts, as in DataKit, also when it can't be resolved.
    delete environment[key];
    const value = await resolver.resolve(key, entry.slice(cut + 1));
    if (value !== null) environment[key] = value;
  }
  return { environment, problems: resolver.problems };
}

function allowed(envAllow: readonly string[]): (name: string) => boolean {
  const names = new Set([...environmentAllowList, ...envAllow]);
  return (name) => !isFleetSecret(name) && (names.has(name) || LOCALE.test(name));
}
