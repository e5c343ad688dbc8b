import { constants } from 'node:fs';
import { access, mkdir } from 'node:fs/promises';
import type { Settings } from '@pythond/config';
import { CommandError, exitCodes } from './exit.ts';

const KEYS = { dataDir: 'PYTHOND_DATA_DIR or data_dir', cacheDir: 'PYTHOND_CACHE_DIR or cache_dir' } as const;

/**
 * Makes a folder of the fleet where there is none yet.
 *
 * @throws CommandError where it can't be made or written, as in a container with a read-only root
 */
export async function makeOwnFolder(settings: Settings, which: keyof typeof KEYS): Promise<void> {
  const folder = settings[which];
  try {
    await mkdir(folder, { recursive: true, mode: 0o755 });
    await access(folder, constants.W_OK);
  } catch (cause) {
    throw new CommandError(
      `The folder ${folder} can't be made, or not be written by this user. Name another one with ${KEYS[which]}, in a container one on a volume or a tmpfs.`,
      exitCodes.usage,
      { cause },
    );
  }
}
