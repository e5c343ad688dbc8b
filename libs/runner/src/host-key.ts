import { createHash } from 'node:crypto';
import type { HostOptions } from './host.ts';

/** What makes one kind of host: everything that decides what runs in it and under which rights. */
export type HostSpec = Pick<
  HostOptions,
  'interpreter' | 'environment' | 'bundleRoot' | 'modules' | 'roots' | 'policy' | 'limits' | 'resident'
> & {
  /** Whose it is. Two inputs never share a host: it refuses a second run of one module's class, and each has its own. */
  readonly input?: string | undefined;
};

const keys = new WeakMap<HostSpec, string>();

/**
 * The digest of a spec: hosts of one key are interchangeable. Kept per spec object, since a worker asks for the
 * same one at every run: specs must not be changed.
 */
export function hostKey(spec: HostSpec): string {
  let key = keys.get(spec);
  if (key === undefined) {
    key = createHash('sha256').update(canonical(spec)).digest('hex');
    keys.set(spec, key);
  }
  return key;
}

function canonical(spec: HostSpec): string {
  const { input, interpreter, environment, bundleRoot, modules, roots, policy, limits, resident } = spec;
  return JSON.stringify([
    input ?? null,
    interpreter.executable,
    bundleRoot,
    Object.entries(environment).sort(byName),
    modules.map(({ name, file, root, dir }) => [name, file, root, dir]),
    roots ?? [],
    Object.entries(policy).sort(byName),
    Object.entries(limits ?? {}).sort(byName),
    resident ?? false,
  ]);
}

function byName([a]: [string, unknown], [b]: [string, unknown]): number {
  return a < b ? -1 : 1;
}
