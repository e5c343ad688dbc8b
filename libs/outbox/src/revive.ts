import { type Destination, splitLines } from '@pythond/datakit';
import type { DeadLetter } from '@pythond/jobs';
import {
  createReportClock,
  isCategory,
  type Normalised,
  normalise,
  normaliseLines,
  parseExactJson,
  stringifyExact,
} from '@pythond/points';
import type { WaitingDelivery } from './stored-delivery.ts';

export interface Revival {
  /** Of the delivery. */
  readonly id: string;
  /** The id of the letter. */
  readonly letterId: string;
  readonly nowMs: number;
  /** Another DataKit than the one that the points were meant for. */
  readonly to?: string;
}

/** The delivery that a letter becomes when it is replayed, or why it can't become one. */
export function deliveryOf(
  letter: DeadLetter,
  { id, letterId, nowMs, to }: Revival,
): WaitingDelivery | { refused: string } {
  const { code } = letter.reason;
  if (code === 'corrupt') return { refused: 'its points can not be made out any more' };
  if (code === 'destination-denied' && to === undefined) {
    const where = letter.endpoint ?? 'its address';
    return {
      refused: `${where} is not among the destinations of its input; say where it goes with --to URL`,
    };
  }
  const endpoint = to ?? letter.endpoint;
  if (endpoint === null) return { refused: 'it names no DataKit; say where it goes with --to URL' };
  const sendable = sendableOf(letter);
  if ('refused' in sendable) return sendable;
  const query = letter.query.filter(([name]) => name !== 'precision');
  return {
    id,
    destination: { endpoint, category: letter.category, query, form: sendable.form },
    points: sendable.points,
    origins: letter.origins,
    sinceMs: nowMs,
    tries: 0,
    reason: 'replayed',
    history: [...letter.history, deathOf(letter, nowMs)],
    letter: letterId,
  };
}

interface Sendable {
  readonly form: NonNullable<Destination['form']>;
  readonly points: readonly string[];
}

function sendableOf(letter: DeadLetter): Sendable | { refused: string } {
  switch (letter.form) {
    case 'line-protocol':
      return { form: 'line-protocol', points: splitLines(letter.body, letter.points) };
    case 'json':
      return { form: 'json', points: (parseExactJson(letter.body) as unknown[]).map(stringifyExact) };
    case 'reported':
      return fromReported(letter);
  }
}

/** Points that were refused before they were sent: by today's rules they may pass. */
function fromReported(letter: DeadLetter): Sendable | { refused: string } {
  const { accepted, rejected } = normalisedAgain(letter);
  const [first] = rejected;
  if (first) return { refused: `it is still refused: ${first.reason}` };
  const json = accepted.flatMap((point) => point.json ?? []);
  if (json.length === accepted.length) return { form: 'json', points: json };
  if (json.length === 0) return { form: 'line-protocol', points: accepted.map(({ line }) => line) };
  return { refused: 'its points can not go in one body' };
}

function normalisedAgain({ category, query, body, sinceMs }: DeadLetter): Normalised {
  if (!isCategory(category)) return refusedWhole(`DataKit has no category "${category}"`);
  const precision = query.find(([name]) => name === 'precision')?.[1];
  const time = createReportClock().forReport(category, `${Math.trunc(sinceMs)}000000`);
  const points = parseExactJson(body);
  if (Array.isArray(points) && points.every((point) => typeof point === 'string')) {
    return normaliseLines(points.join('\n'), { category, precision, tags: {}, time });
  }
  return normalise(points, { category, precision, time });
}

function refusedWhole(reason: string): Normalised {
  return { accepted: [], rejected: [{ index: -1, code: 'not-an-array', reason }], warnings: [] };
}

function deathOf({ reason, attempts, deadMs }: DeadLetter, replayedMs: number) {
  return { ...reason, attempts, deadMs, replayedMs };
}
