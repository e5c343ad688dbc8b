import type { Destination } from '@pythond/datakit';
import {
  type DeliveryMeta,
  deathSchema,
  deliveryMetaSchema,
  type Origin,
  type PastDeath,
  refuseNewer,
} from '@pythond/jobs';
import { z } from 'zod';
import { type Content, type Found, pack, readable, sharesFrom, sharesOf, unpack } from './content.ts';
import { CorruptDeliveryError } from './errors.ts';

/** A batch that waits: where it goes, its points one by one, where they come from. */
export interface WaitingDelivery {
  /** The same however often it is put into Redis. */
  readonly id: string;
  readonly destination: Destination;
  /** Each point as a line of line protocol, or as a JSON object; see the destination's form. */
  readonly points: readonly string[];
  readonly origins: readonly Origin[];
  readonly sinceMs: number;
  /** How often it was sent before it waited. */
  readonly tries: number;
  readonly reason: string;
  /** The letter that it was when it was replayed: what is refused of it again is that letter. */
  readonly letter?: string;
  /** What it died of before it was replayed; absent for what never died. */
  readonly history?: readonly PastDeath[];
  /** What a newer version has noted besides; it stays with what is left. */
  readonly more?: Readonly<Record<string, unknown>>;
}

const texts = z.array(z.string());

/** `body` is a JSON array of the points' texts, so that they can be told apart again whatever is in them. */
export async function packDelivery(delivery: WaitingDelivery): Promise<Content> {
  const { destination, points, origins, sinceMs, tries, reason, history = [] } = delivery;
  const meta: DeliveryMeta = {
    ...delivery.more,
    v: 1,
    endpoint: destination.endpoint,
    category: destination.category,
    query: destination.query.map(([name, value]): [string, string] => [name, value]),
    form: destination.form ?? 'line-protocol',
    points: points.length,
    origins: [...origins],
    sinceMs,
    tries,
    reason,
    history: [...history],
    ...(delivery.letter === undefined ? {} : { letter: delivery.letter }),
  };
  return pack(meta, JSON.stringify(points), origins);
}

/** @throws CorruptDeliveryError, or NewerRecordError for one that a newer version of the fleet made */
export async function unpackDelivery(id: string, found: Found): Promise<WaitingDelivery> {
  const { meta, body } = await unpack(id, found);
  refuseNewer(deliveryMetaSchema, meta, `delivery ${id}`);
  const parsed = deliveryMetaSchema.safeParse(meta);
  const points = texts.safeParse(JSON.parse(body));
  if (!parsed.success || !points.success) throw new CorruptDeliveryError(id, 'a part of it is missing');
  const { v: _, endpoint, category, query, form, points: count, ...rest } = parsed.data;
  const { origins, sinceMs, tries = 1, reason, history, letter, ...unknown } = rest;
  if (points.data.length !== count) {
    throw new CorruptDeliveryError(id, `it holds ${points.data.length} points, not ${count}`);
  }
  const destination: Destination = { endpoint, category, query, form };
  const replayed = letter === undefined ? {} : { letter };
  const { encoding: __, ...more } = unknown as Readonly<Record<string, unknown>>;
  const noted = Object.keys(more).length > 0 ? { more } : {};
  const told = { origins, sinceMs, tries, reason, history };
  return { id, destination, points: points.data, ...told, ...replayed, ...noted };
}

/** A damaged delivery as far as it can be made out; its points are not among that. */
export function salvage(id: string, found: Found): WaitingDelivery {
  const fields = readable(found);
  const text = (name: string) => (typeof fields[name] === 'string' ? fields[name] : 'unknown');
  const told = deliveryMetaSchema.shape.origins.safeParse(fields['origins']);
  const origins = told.success && sameShares(told.data, found) ? told.data : originsOf(found);
  const history = z.array(deathSchema).safeParse(fields['history']);
  return {
    id,
    destination: { endpoint: text('endpoint'), category: text('category'), query: [] },
    points: [],
    origins,
    sinceMs: typeof fields['sinceMs'] === 'number' ? fields['sinceMs'] : 0,
    tries: typeof fields['tries'] === 'number' ? fields['tries'] : 1,
    reason: '',
    history: history.success ? history.data : [],
  };
}

/** The ledger counts by the shares; what else says whose the points are has to agree. */
function sameShares(origins: readonly Origin[], { shares }: Found): boolean {
  return JSON.stringify(sharesOf(origins)) === shares;
}

/** Whose the points are can be told even when nothing else can. */
function originsOf({ shares }: Found): Origin[] {
  return sharesFrom(shares).map(([collector, points]) => ({ collector, points, run: 'unknown', dueMs: 0 }));
}
