import { EndpointError, endpointOf as parseEndpoint } from '@pythond/datakit';
import type { DeadLetters, Replay } from '@pythond/outbox';
import type { Context } from '../../context.ts';
import { CommandError, type ExitCode, exitCodes } from '../../exit.ts';
import { oneLine } from '../../printable.ts';
import { print, printJson } from '../../terminal.ts';
import { type ChoiceFlags, chosen } from './selection.ts';
import { withDead } from './with-dead.ts';

export interface DeadReplayFlags extends ChoiceFlags {
  readonly to?: string;
}

/** Refusals told one by one; more of them are counted. */
const REFUSALS_TOLD = 10;

/** `pythond dead replay`: letters become deliveries again, with the times that their points have. */
export async function deadReplay(
  context: Context,
  ids: readonly string[],
  flags: DeadReplayFlags,
): Promise<ExitCode> {
  const to = flags.to === undefined ? {} : { to: endpointOf(flags.to) };
  return withDead(context, flags, async (dead) => {
    const replays: Replay[] = [];
    for (const id of await chosen(dead, ids, flags)) replays.push(await replayOne(dead, id, to));
    const replayed = replays.filter((one) => one.kind === 'replayed');
    const refused = replays.filter((one) => one.kind === 'refused');
    const points = replayed.reduce((sum, one) => sum + one.points, 0);
    if (flags.json) {
      printJson(context.terminal, { replayed: replayed.length, points, refused });
    } else {
      print(
        context.terminal,
        `${replayed.length} letters replayed, ${points} points; the normalizer delivers them.`,
      );
      for (const { id, reason } of refused.slice(0, REFUSALS_TOLD)) {
        print(context.terminal, oneLine(`✗ ${id.slice(0, 10)} stays: ${reason}`));
      }
      const untold = refused.length - REFUSALS_TOLD;
      if (untold > 0) print(context.terminal, `… and ${untold} more stay; --json lists them.`);
    }
    return refused.length > 0 ? exitCodes.failed : exitCodes.ok;
  });
}

async function replayOne(dead: DeadLetters, id: string, to: { readonly to?: string }): Promise<Replay> {
  try {
    return await dead.replay(id, { ...to, nowMs: Date.now() });
  } catch (error) {
    return { kind: 'refused', id, reason: error instanceof Error ? error.message : String(error) };
  }
}

function endpointOf(url: string): string {
  try {
    return parseEndpoint(url);
  } catch (error) {
    if (error instanceof EndpointError) throw new CommandError(`--to: ${error.message}`);
    throw error;
  }
}
