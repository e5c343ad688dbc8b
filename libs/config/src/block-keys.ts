import type { InputDefinition } from '@pythond/jobs';
import type { AnyBlockKey, ValuesOf } from './block-key.ts';
import { datakitKeys } from './datakit-keys.ts';
import { fleetKeys } from './fleet-keys.ts';
import { policyKeys } from './policy-keys.ts';

/** Every key of a `[[inputs.pythond]]` block: parsing, suggestions and `docs/configuration.md` come from here. */
export const blockKeys = { ...datakitKeys, ...fleetKeys, ...policyKeys };

export type BlockKeyName = keyof typeof blockKeys;
export type BlockValues = ValuesOf<typeof blockKeys>;

export const blockKeyNames = Object.keys(blockKeys) as readonly BlockKeyName[];

export function findBlockKey(name: string): AnyBlockKey | null {
  return Object.hasOwn(blockKeys, name) ? blockKeys[name as BlockKeyName] : null;
}

/** The definition that a block's values make, but for what depends on the other blocks and files. */
export function toDefinition(values: BlockValues): Omit<InputDefinition, 'key' | 'source'> {
  const { name, cmd, dirs, envs, tags, interval, timeout, isolation, scope, state, pool } = values;
  const { datakit, destinations, files, align, paused, integers } = values;
  return {
    ...{ name, cmd, dirs, files, envs, tags, intervalMs: interval, timeoutMs: timeout, isolation, scope },
    ...{ state, pool, datakit, destinations, align, paused, integers },
    policy: {
      sandbox: values.sandbox,
      network: values.network,
      subprocess: values.subprocess,
      unixSockets: values.unix_sockets,
      listen: values.listen,
      readPaths: [...values.read_paths],
      writePaths: [...values.write_paths],
      memoryBytes: values.memory,
      cpuMs: values.cpu,
      maxProcesses: values.max_processes,
      maxOpenFiles: values.max_open_files,
      tmpBytes: values.tmp_size,
      user: values.user,
      envAllow: [...values.env_allow],
    },
  };
}
