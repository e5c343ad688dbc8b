import { startStandin } from '@pythond/datakit-standin';
import type { Context } from '../context.ts';
import { CommandError, type ExitCode, exitCodes } from '../exit.ts';
import { print } from '../terminal.ts';
import { untilAborted } from '../until-aborted.ts';

export interface StandinFlags {
  readonly host: string;
  readonly port: number;
}

/** `pythond datakit-standin`: the stand-in alone, until Ctrl-C. */
export async function datakitStandin(
  { terminal, signal }: Context,
  { host, port }: StandinFlags,
): Promise<ExitCode> {
  const standin = await startStandin({
    host,
    port,
    onPoints: ({ category, points }) => print(terminal, `${category}: ${points.length} points`),
  }).catch((cause: Error) => {
    throw new CommandError(
      `The stand-in can't listen on ${host}:${port}: ${cause.message}`,
      exitCodes.usage,
      { cause },
    );
  });
  print(terminal, `A stand-in DataKit listens at ${standin.url}; it keeps points in memory only.`);
  print(terminal, `See them: ${standin.url}/_standin/points   Stop with Ctrl-C.`);
  await untilAborted(signal);
  await standin.close();
  return exitCodes.ok;
}
