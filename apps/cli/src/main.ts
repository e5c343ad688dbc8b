import { NewerRecordError } from '@pythond/jobs';
import { onShutdownSignal } from '@pythond/lifecycle';
import { CommanderError } from 'commander';
import type { Context } from './context.ts';
import { environment } from './env.ts';
import { CommandError, type ExitCode, exitCodes } from './exit.ts';
import { createProgram } from './program.ts';
import { createTerminal } from './terminal.ts';

/** What a command left open (a connection to a Redis that is away, say) does not keep the process longer than this. */
const LINGER_MS = 2_000;

/**
 * Runs one command line and sets the exit code of the process. The first Ctrl-C asks the command to end in order,
 * the second ends the process at once.
 */
export async function main(args: readonly string[]): Promise<void> {
  const stopping = new AbortController();
  for (const stream of [process.stdout, process.stderr]) endWithTheReader(stream, stopping);
  const off = onShutdownSignal({
    onFirst: () => stopping.abort('stopping'),
    onSecond: () => process.exit(exitCodes.interrupted),
  });
  const terminal = createTerminal({ out: process.stdout, err: process.stderr, env: environment });
  const context: Context = { env: environment, cwd: process.cwd(), terminal, signal: stopping.signal };
  try {
    process.exitCode = await run(context, args);
  } finally {
    off();
    setTimeout(() => process.exit(), LINGER_MS).unref();
  }
}

/** `pythond show | head`: whoever reads has enough, so there is nothing more to say; `up` ends in order. */
function endWithTheReader(stream: NodeJS.WriteStream, stopping: AbortController): void {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    stopping.abort('stopping');
  });
}

async function run(context: Context, args: readonly string[]): Promise<ExitCode> {
  let code: ExitCode = exitCodes.ok;
  const program = createProgram(context, (ended) => {
    code = ended;
  });
  try {
    await program.parseAsync([...args], { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    if (error instanceof CommandError) {
      context.terminal.err.write(`${error.message}\n`);
      return error.exitCode;
    }
    if (error instanceof NewerRecordError) {
      context.terminal.err.write(`${error.message}\n`);
      return exitCodes.usage;
    }
    throw error;
  }
}
