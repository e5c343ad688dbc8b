import type { DeadLetter } from '@pythond/jobs';
import { CorruptDeliveryError, type DeadLetters } from '@pythond/outbox';
import type { Context, HomeFlags } from '../../context.ts';
import { CommandError, type ExitCode, exitCodes } from '../../exit.ts';
import { indent, oneLine } from '../../printable.ts';
import { ago, print, printJson, type Terminal } from '../../terminal.ts';
import { wholeId } from './selection.ts';
import { withDead } from './with-dead.ts';

/** `pythond dead show ID`: why, when, from where, what DataKit said, and the points. */
export async function deadShow(
  context: Context,
  start: string,
  flags: HomeFlags & { readonly json?: boolean },
): Promise<ExitCode> {
  return withDead(context, flags, async (dead) => {
    const id = await wholeId(dead, start);
    const letter = await read(dead, id);
    if (flags.json) printJson(context.terminal, { id, ...letter });
    else printLetter(context.terminal, id, letter);
    return exitCodes.ok;
  });
}

async function read(dead: DeadLetters, id: string): Promise<DeadLetter> {
  let letter: DeadLetter | null;
  try {
    letter = await dead.get(id);
  } catch (error) {
    if (!(error instanceof CorruptDeliveryError)) throw error;
    throw new CommandError(`${error.message}. It can only be purged: pythond dead purge ${id}`, 1, {
      cause: error,
    });
  }
  if (letter) return letter;
  throw new CommandError(`Dead letter ${id} has just been replayed or purged.`, 1);
}

function printLetter(terminal: Terminal, id: string, letter: DeadLetter): void {
  const { reason, answer, endpoint, category, query, origins, attempts, sinceMs, deadMs, points } = letter;
  const now = Date.now();
  const line = (label: string, value: string) => print(terminal, `  ${label.padEnd(10)} ${value}`);
  print(terminal, terminal.colors.bold(id));
  line('reason', oneLine(`${reason.code}: ${reason.message}`));
  if (answer) line('answer', oneLine(`${answer.status} ${answer.body}`));
  line('datakit', oneLine(endpoint ?? 'none'));
  line('category', oneLine([category, ...query.map(([name, value]) => `${name}=${value}`)].join(', ')));
  line('died', `${ago(deadMs, now)}, after ${attempts} attempts since ${new Date(sinceMs).toISOString()}`);
  for (const { code, message, replayedMs } of letter.history) {
    line('before', oneLine(`${code}: ${message}; replayed ${ago(replayedMs, now)}`));
  }
  for (const { collector, run, dueMs, points: share } of origins) {
    line('from', oneLine(`${collector}, ${share} points, tick ${new Date(dueMs).toISOString()}, run ${run}`));
  }
  print(terminal, `  ${points.toLocaleString('en-US')} points, ${formText[letter.form]}:`);
  print(terminal, indent(letter.body));
}

const formText: Readonly<Record<DeadLetter['form'], string>> = {
  'line-protocol': 'as line protocol',
  json: 'as JSON',
  reported: 'as the script reported them',
};
