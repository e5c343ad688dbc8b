import type { Context } from '../../context.ts';
import { type ExitCode, exitCodes } from '../../exit.ts';
import { print, printJson } from '../../terminal.ts';
import { type ChoiceFlags, chosen } from './selection.ts';
import { withDead } from './with-dead.ts';

/** `pythond dead purge`: letters that nobody wants any more. The ledger keeps their number. */
export async function deadPurge(
  context: Context,
  ids: readonly string[],
  flags: ChoiceFlags,
): Promise<ExitCode> {
  return withDead(context, flags, async (dead) => {
    const purged = await dead.remove(await chosen(dead, ids, flags), 'purged');
    if (flags.json) printJson(context.terminal, purged);
    else print(context.terminal, `${purged.letters} letters purged, ${purged.points} points.`);
    return exitCodes.ok;
  });
}
