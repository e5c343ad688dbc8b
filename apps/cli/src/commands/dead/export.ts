import type { DeadLetter } from '@pythond/jobs';
import { CorruptDeliveryError, type DeadLetters } from '@pythond/outbox';
import type { Context } from '../../context.ts';
import { type ExitCode, exitCodes } from '../../exit.ts';
import { filterOf, type SelectionFlags } from './selection.ts';
import { withDead } from './with-dead.ts';

export interface DeadExportFlags extends SelectionFlags {
  readonly format: 'jsonl' | 'line-protocol';
}

/** `pythond dead export`: to standard output, one letter a line, or the points alone as line protocol. */
export async function deadExport(
  { terminal, ...context }: Context,
  flags: DeadExportFlags,
): Promise<ExitCode> {
  let left = 0;
  const failed = await withDead({ terminal, ...context }, flags, async (dead) => {
    let damaged = 0;
    for await (const { id } of dead.heads(filterOf(flags, Date.now()))) {
      const letter = await readable(dead, id);
      if (!letter) damaged += 1;
      else if (flags.format === 'jsonl') terminal.out.write(`${JSON.stringify({ id, ...letter })}\n`);
      else if (letter.form === 'line-protocol') terminal.out.write(`${letter.body}\n`);
      else left += letter.points;
    }
    return damaged;
  });
  if (left > 0) {
    terminal.err.write(`${left} points have no line protocol and are left out; --format jsonl holds them.\n`);
  }
  if (failed > 0) terminal.err.write(`${failed} letters are damaged or gone and are left out.\n`);
  return left + failed > 0 ? exitCodes.failed : exitCodes.ok;
}

async function readable(dead: DeadLetters, id: string): Promise<DeadLetter | null> {
  try {
    return await dead.get(id);
  } catch (error) {
    if (error instanceof CorruptDeliveryError) return null;
    throw error;
  }
}
