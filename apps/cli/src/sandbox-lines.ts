import type { Settings } from '@pythond/config';
import type { InputDefinition } from '@pythond/jobs';
import { SandboxProbeError } from '@pythond/runner';
import { findSandbox, SandboxUnavailableError, type WorkerSandbox } from '@pythond/worker';
import type { Context } from './context.ts';
import { CommandError, exitCodes } from './exit.ts';
import { oneLine } from './printable.ts';
import { corePath } from './version.ts';

/** What collectors are confined with here; a worker that can't confine them ends the command. */
export async function sandboxOf({ env }: Context, { sandbox: wanted }: Settings): Promise<WorkerSandbox> {
  try {
    return await findSandbox({ wanted, env, corePath });
  } catch (error) {
    if (error instanceof SandboxUnavailableError || error instanceof SandboxProbeError) {
      throw new CommandError(error.message, exitCodes.usage, { cause: error });
    }
    throw error;
  }
}

/** What has to be said loudly; null when everything is confined. */
export function notConfined({ level, text }: WorkerSandbox): string | null {
  if (level === 'strict') return null;
  return `NOT CONFINED: collectors run with all rights of this user (sandbox ${text}). Run only collectors that you trust.`;
}

export function inputNotConfined(key: InputDefinition['key']): string {
  return oneLine(
    `NOT CONFINED: the collectors of ${key} run with all rights of this user (sandbox = "none" in its block).`,
  );
}
