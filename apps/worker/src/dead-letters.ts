import { bodyOf, type Destination } from '@pythond/datakit';
import type { DeadLetter } from '@pythond/jobs';
import { type NormalisedPoint, stringifyExact } from '@pythond/points';
import type { RunOrigin } from './outlet.ts';

/** A point that is not sent. */
export interface Refused {
  readonly code: string;
  readonly reason: string;
  /** As it would have been sent, or as the script reported it. */
  readonly point: { readonly sendable: NormalisedPoint } | { readonly reported: unknown };
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
  const groups = refused.length <= MAX_SINGLE_LETTERS ? refused.map((one) => [one]) : alike(refused);
  return groups.map((group) => ({
    v: 1,
    reason: { code: group[0]?.code ?? '', message: group[0]?.reason ?? '' },
    answer: null,
    endpoint: endpoint || null,
    category,
    query: query.map(([name, value]): [string, string] => [name, value]),
    ...textOf(group.map(({ point }) => point)),
    points: group.length,
    origins: [{ ...origin, points: group.length }],
    attempts: 0,
    sinceMs: nowMs,
    deadMs: nowMs,
    history: [],
  }));
}

function textOf(points: readonly Refused['point'][]): Pick<DeadLetter, 'form' | 'body'> {
  const sendable = points.flatMap((point) => ('sendable' in point ? point.sendable : []));
  const [first] = sendable;
  if (!first) {
    const reported = points.flatMap((point) => ('reported' in point ? [point.reported] : []));
    return { form: 'reported', body: stringifyExact(reported) };
  }
  const form = first.json === undefined ? 'line-protocol' : 'json';
  return {
    form,
    body: bodyOf(
      form,
      sendable.map(({ line, json }) => json ?? line),
    ),
  };
}

function alike(refused: readonly Refused[]): Refused[][] {
  const open = new Map<string, Refused[]>();
  const groups: Refused[][] = [];
  for (const one of refused) {
    const kind = `${one.code} ${formOf(one)}`;
    let group = open.get(kind);
    if (!group || group.length === MAX_POINTS_A_LETTER) {
      group = [];
      open.set(kind, group);
      groups.push(group);
    }
    group.push(one);
  }
  return groups;
}

function formOf({ point }: Refused): DeadLetter['form'] {
  if ('reported' in point) return 'reported';
  return point.sendable.json === undefined ? 'line-protocol' : 'json';
}
