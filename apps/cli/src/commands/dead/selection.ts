import { parseDuration } from '@pythond/config';
import type { DeadLetters, LetterFilter, LetterHead } from '@pythond/outbox';
import type { HomeFlags } from '../../context.ts';
import { CommandError } from '../../exit.ts';

/** How letters are chosen on the command line; what is left out means all. */
export interface SelectionFlags extends HomeFlags {
  readonly collector?: string;
  readonly reason?: string;
  readonly category?: string;
  readonly since?: string;
  readonly before?: string;
  readonly json?: boolean;
}

/** For commands that change something, the choice has to be made. */
export interface ChoiceFlags extends SelectionFlags {
  readonly all?: boolean;
}

/** @throws CommandError `since` or `before` is no duration */
export function filterOf(
  { collector, reason, category, since, before }: SelectionFlags,
  nowMs: number,
): LetterFilter {
  return {
    ...(collector === undefined ? {} : { collector }),
    ...(reason === undefined ? {} : { code: reason }),
    ...(category === undefined ? {} : { category }),
    ...(since === undefined ? {} : { sinceMs: nowMs - durationOf('--since', since) }),
    ...(before === undefined ? {} : { beforeMs: nowMs - durationOf('--before', before) }),
  };
}

/** The letters that are named by id, else those that the filter fits. */
export async function chosen(
  dead: DeadLetters,
  ids: readonly string[],
  flags: ChoiceFlags,
): Promise<readonly string[]> {
  const filter = filterOf(flags, Date.now());
  const isFiltered = Object.keys(filter).length > 0;
  if (ids.length > 0 && (isFiltered || flags.all)) {
    throw new CommandError('Name letters by their ids, or by a filter, or --all of them; not both.');
  }
  if (ids.length > 0) return Promise.all(ids.map((id) => wholeId(dead, id)));
  if (!isFiltered && !flags.all) {
    throw new CommandError(
      'Say which: ids of `pythond dead ls`, a filter (--collector, --reason, --category, --since, --before), or --all.',
    );
  }
  if (!isFiltered) return dead.ids();
  const found: string[] = [];
  for await (const { id } of dead.heads(filter)) found.push(id);
  return found;
}

export async function headsOf(dead: DeadLetters, flags: SelectionFlags): Promise<LetterHead[]> {
  const heads: LetterHead[] = [];
  for await (const head of dead.heads(filterOf(flags, Date.now()))) heads.push(head);
  return heads;
}

/** @throws CommandError no letter begins so, or several do */
export async function wholeId(dead: DeadLetters, start: string): Promise<string> {
  const [id, other] = await dead.idsFrom(start);
  if (id === undefined) {
    throw new CommandError(
      `There is no dead letter ${JSON.stringify(start)}; \`pythond dead ls\` lists what there is. It may have been replayed or purged.`,
    );
  }
  if (other !== undefined) {
    throw new CommandError(`Several dead letters begin with ${JSON.stringify(start)}; write more of the id.`);
  }
  return id;
}

function durationOf(flag: string, text: string): number {
  const ms = parseDuration(text);
  if (ms === null) {
    throw new CommandError(`${flag} ${JSON.stringify(text)} is no duration; write 30m, 6h or 2d.`);
  }
  return ms;
}
