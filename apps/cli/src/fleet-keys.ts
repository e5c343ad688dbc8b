import { readFile, stat } from 'node:fs/promises';
import type { Settings } from '@pythond/config';
import {
  holdsPrivateKey,
  readSealingKey,
  readTrustedKey,
  type SealingKey,
  type TrustedKey,
} from '@pythond/jobs';
import { CommandError } from './exit.ts';
import type { Terminal } from './terminal.ts';

/** The keys of this process's apps: null for an app that was given none. */
export interface FleetKeys {
  readonly signing: SealingKey | null;
  readonly trusted: readonly TrustedKey[] | null;
}

type KeySettings = Pick<Settings, 'signingKey' | 'trustedKeys'>;

/**
 * Reads the keys that these apps need, and no others: a worker never opens a private key.
 *
 * @throws CommandError when one can't be read, or is none: nothing starts with less trust than was asked for
 */
export async function readFleetKeys(
  terminal: Pick<Terminal, 'err'>,
  { signingKey, trustedKeys }: KeySettings,
  apps: readonly string[],
): Promise<FleetKeys> {
  return {
    signing:
      signingKey !== null && apps.includes('scheduler') ? await signingKeyOf(signingKey, terminal) : null,
    trusted:
      trustedKeys !== null && apps.includes('worker')
        ? await Promise.all(trustedKeys.map(trustedKeyOf))
        : null,
  };
}

async function signingKeyOf(path: string, { err }: Pick<Terminal, 'err'>): Promise<SealingKey> {
  const key = readSealingKey(await textOf('signing_key', path));
  if (!key) {
    throw new CommandError(
      `signing_key: ${path} holds no private ed25519 key in PEM without a pass phrase. \`pythond keys new\` makes one.`,
    );
  }
  const { mode } = await stat(path);
  if ((mode & 0o077) !== 0) {
    err.write(
      `warning: signing_key: ${path} can be read by others of this machine, who could sign what workers run: chmod 600 ${path}\n`,
    );
  }
  return key;
}

async function trustedKeyOf(path: string): Promise<TrustedKey> {
  const text = await textOf('trusted_keys', path);
  const key = readTrustedKey(text);
  if (key) return key;
  const what = holdsPrivateKey(text)
    ? 'holds a private key, which belongs to schedulers only: name the public key (.pub) here, and take the private one away from workers'
    : 'holds no public ed25519 key in PEM; `pythond keys new` makes a pair';
  throw new CommandError(`trusted_keys: ${path} ${what}.`);
}

async function textOf(setting: string, path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new CommandError(`${setting}: ${path} can't be read: the system says ${reason}.`);
  }
}
