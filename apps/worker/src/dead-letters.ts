import type { Destination } from '@pythond/datakit';
import type { DeadLetter } from '@pythond/jobs';
import { stringifyExact } from '@pythond/points';
import type { RunOrigin } from './outlet.ts';

/** A point that can't be sent, as the script reported it. */
export interface Refused {
  readonly code: string;
  readonly reason: string;
  readonly point: unknown;
}

/** Beyond so many of one report they come together, one letter a code: a hostile report must not make 100,000. */
const MAX_SINGLE_LETTERS = 100;
const MAX_POINTS_A_LETTER = 1_000;

/** One letter a point; of a report with very many bad points, a letter for a thousand of one code. */
export function deadLetters(
  { endpoint, category, query }: Destination,
  refused: readonly Refused[],
  origin: RunOrigin,
  nowMs: number,
): DeadLetter[] {
  const groups = refused.length <= MAX_SINGLE_LETTERS ? refused.map((one) => [one]) : byCode(refused);
  return groups.map((group) => ({
    v: 1,
    reason: { code: group[0]?.code ?? '', message: group[0]?.reason ?? '' },
    answer: null,
    endpoint: endpoint || null,
    category,
    query: query.map(([name, value]): [string, string] => [name, value]),
    form: 'json',
    body: stringifyExact(group.map(({ point }) => point)),
    points: group.length,
    origins: [{ ...origin, points: group.length }],
    attempts: 0,
    sinceMs: nowMs,
    deadMs: nowMs,
  }));
}

function byCode(refused: readonly Refused[]): Refused[][] {
  const open = new Map<string, Refused[]>();
  const groups: Refused[][] = [];
  for (const one of refused) {
    let group = open.get(one.code);
    if (!group || group.length === MAX_POINTS_A_LETTER) {
      group = [];
      open.set(one.code, group);
      groups.push(group);
    }
    group.push(one);
  }
  return groups;
}
