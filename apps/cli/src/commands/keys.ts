import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { makeKeyFiles } from '@pythond/jobs';
import type { Context } from '../context.ts';
import { CommandError, type ExitCode, exitCodes } from '../exit.ts';
import { print, printJson } from '../terminal.ts';

export interface KeysNewFlags {
  readonly json?: boolean;
}

/** `pythond keys new [NAME]`: a pair of ed25519 keys in two files that were not there. */
export async function keysNew(context: Context, name: string, flags: KeysNewFlags): Promise<ExitCode> {
  const { terminal, cwd } = context;
  const { id, privateText, publicText } = makeKeyFiles();
  const privateFile = path.resolve(cwd, `${name}.key`);
  const publicFile = path.resolve(cwd, `${name}.pub`);
  await writeNew(publicFile, publicText, 0o644);
  try {
    await writeNew(privateFile, privateText, 0o600);
  } catch (error) {
    await rm(publicFile); // it was made just now, and is half a pair
    throw error;
  }
  if (flags.json) {
    printJson(terminal, { id, privateFile, publicFile });
    return exitCodes.ok;
  }
  const { bold } = terminal.colors;
  print(
    terminal,
    `Key ${id}

  ${bold(privateFile)}
      private: for schedulers only, and for nobody else. Whoever has it decides what
      workers run. In pythond.toml of each scheduler, or as PYTHOND_SIGNING_KEY:
          signing_key = ${JSON.stringify(privateFile)}

  ${bold(publicFile)}
      public: copy it to every worker. In pythond.toml there, or as PYTHOND_TRUSTED_KEYS:
          trusted_keys = [${JSON.stringify(publicFile)}]

Give the scheduler its key first, then the workers theirs; each has to be started again.`,
  );
  return exitCodes.ok;
}

async function writeNew(file: string, text: string, mode: number): Promise<void> {
  try {
    await writeFile(file, text, { flag: 'wx', mode });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : String(error);
    if (code === 'EEXIST') {
      throw new CommandError(
        `${file} is there already, and keys are never overwritten: give the new pair another name.`,
      );
    }
    throw new CommandError(`${file} can't be written: the system says ${String(code)}.`);
  }
}
