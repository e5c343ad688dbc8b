import { randomUUID } from 'node:crypto';
import { type DeadLetter, deadLetterSchema } from '@pythond/jobs';
import { ledgerKeys } from '@pythond/ledger';
import type { Redis } from '@pythond/queue';
import { find } from './content.ts';
import { DeliverQueue } from './deliver-queue.ts';
import { dropOrder } from './drop-order.ts';
import { outboxKeys } from './keys.ts';
import { type LetterFilter, matches } from './letter-filter.ts';
import { deliveryOf } from './revive.ts';
import { storeScript } from './store-script.ts';
import { packDelivery } from './stored-delivery.ts';
import { unpackLetter } from './stored-letter.ts';

/** How many letters are kept; the oldest make room for newer ones. */
export const LETTERS_KEPT = 100_000;
/** And how many bytes of them, as stored. */
export const LETTER_BYTES_KEPT = 256 * 1024 ** 2;
/** Read, or removed, in one round trip. */
const PAGE = 500;

const takeUntoldScript = storeScript('take-untold');
const replayScript = storeScript('replay');
const removeScript = storeScript('remove-letters');

const headSchema = deadLetterSchema.omit({ body: true });

/** A letter without its points, for lists. */
export interface LetterHead extends Omit<DeadLetter, 'body'> {
  readonly id: string;
}

/** Points of one collector that died of one cause. */
export interface Tidings {
  readonly collector: string;
  readonly code: string;
  readonly points: number;
}

/** Of one collector and cause DataKit is told at most so often. */
const TELL_AGAIN_AFTER_MS = 3_600_000;
const TIDINGS_AT_ONCE = 100;

/** What became of a letter that was to be replayed. */
export type Replay =
  | { readonly kind: 'replayed'; readonly id: string; readonly points: number }
  | { readonly kind: 'refused'; readonly id: string; readonly reason: string }
  | { readonly kind: 'gone'; readonly id: string };

/** Points refused for good, as people read, replay and purge them. */
export class DeadLetters {
  readonly #redis: Redis;
  readonly #queue: DeliverQueue;

  constructor(redis: Redis) {
    this.#redis = redis;
    this.#queue = new DeliverQueue(redis);
  }

  async count(): Promise<number> {
    return this.#redis.zcard(outboxKeys.letters);
  }

  /** The newest first, read page by page: a letter that comes meanwhile is not in it. A damaged one is left out. */
  async *heads(filter: LetterFilter = {}): AsyncGenerator<LetterHead> {
    const newest = filter.beforeMs === undefined ? '+inf' : `(${filter.beforeMs}`;
    const oldest = filter.sinceMs ?? '-inf';
    const ids = await this.#redis.zrevrangebyscore(outboxKeys.letters, newest, oldest);
    for (let start = 0; start < ids.length; start += PAGE) {
      const page = ids.slice(start, start + PAGE);
      const pipeline = this.#redis.pipeline();
      for (const id of page) pipeline.hget(outboxKeys.letter(id), 'meta');
      const replies = (await pipeline.exec()) ?? [];
      for (const [index, id] of page.entries()) {
        const head = parseHead(replies[index]?.[1]);
        if (head && matches(head, filter)) yield { id, ...head };
      }
    }
  }

  /** The letters whose id begins so; two at most, so that one can tell whether it is the only one. */
  async idsFrom(start: string): Promise<string[]> {
    if (await this.#redis.exists(outboxKeys.letter(start))) return [start];
    const ids = await this.#redis.zrange(outboxKeys.letters, '0', '-1');
    return ids.filter((id) => id.startsWith(start)).slice(0, 2);
  }

  /**
   * A letter whole; null when there is none of that id.
   * @throws CorruptDeliveryError
   */
  async get(id: string): Promise<DeadLetter | null> {
    const found = await find(this.#redis, outboxKeys.letter(id));
    return found && unpackLetter(id, found);
  }

  /** Makes a letter a delivery again, with the times that its points have; what it died of goes with it. */
  async replay(id: string, { to, nowMs }: { readonly to?: string; readonly nowMs: number }): Promise<Replay> {
    const found = await find(this.#redis, outboxKeys.letter(id));
    if (!found) return { kind: 'gone', id };
    const letter = await unpackLetter(id, found);
    const revived = deliveryOf(letter, {
      id: randomUUID(),
      letterId: id,
      nowMs,
      ...(to === undefined ? {} : { to }),
    });
    if ('refused' in revived) return { kind: 'refused', id, reason: revived.refused };
    const { meta, body, digest, shares } = await packDelivery(revived);
    const reply = await replayScript.run(
      this.#redis,
      [
        ledgerKeys.prefix,
        outboxKeys.totals,
        outboxKeys.deliveries,
        outboxKeys.deliveryPrefix,
        outboxKeys.letters,
        outboxKeys.letterPrefix,
      ],
      [
        ...[id, found.digest, revived.id, dropOrder(revived)],
        ...[meta, body, digest, shares, revived.destination.endpoint],
      ],
    );
    if (reply !== 1) return { kind: 'gone', id };
    await this.#queue.add(revived);
    return { kind: 'replayed', id, points: letter.points };
  }

  /** Ends letters: `purged` by somebody, `dropped` for their age. */
  async remove(
    ids: readonly string[],
    as: 'purged' | 'dropped',
  ): Promise<{ readonly letters: number; readonly points: number }> {
    const sum = { letters: 0, points: 0 };
    for (let start = 0; start < ids.length; start += PAGE) {
      const [letters = 0, points = 0] = (await removeScript.run(
        this.#redis,
        [ledgerKeys.prefix, outboxKeys.letters, outboxKeys.letterPrefix],
        [as, ...ids.slice(start, start + PAGE)],
      )) as number[];
      sum.letters += letters;
      sum.points += points;
    }
    return sum;
  }

  /** Drops what died before a moment. */
  async expire(beforeMs: number): Promise<{ readonly letters: number; readonly points: number }> {
    const old = await this.#redis.zrangebyscore(outboxKeys.letters, '-inf', `(${beforeMs}`);
    return this.remove(old, 'dropped');
  }

  /** What somebody should be told of, given once: of each collector and cause at most once an hour. */
  async takeUntold(): Promise<Tidings[]> {
    const reply = (await takeUntoldScript.run(
      this.#redis,
      [outboxKeys.letters],
      [TELL_AGAIN_AFTER_MS, TIDINGS_AT_ONCE],
    )) as (string | number)[];
    return Array.from({ length: reply.length / 2 }, (_, index) => {
      const key = String(reply[2 * index]);
      const space = key.indexOf(' ');
      const points = Number(reply[2 * index + 1]);
      return { code: key.slice(0, space), collector: key.slice(space + 1), points };
    });
  }

  /** What was taken and could not be told of: it is to be told soon. */
  async untell({ collector, code, points }: Tidings): Promise<void> {
    const name = `${code} ${collector}`;
    await this.#redis
      .multi()
      .hincrby(`${outboxKeys.letters}-untold`, name, points)
      .del(`${outboxKeys.letters}-told:${name}`)
      .exec();
  }

  /** Every letter, also those that can't be read any more. */
  async ids(): Promise<string[]> {
    return this.#redis.zrange(outboxKeys.letters, '0', '-1');
  }

  async close(): Promise<void> {
    await this.#queue.close();
  }
}

function parseHead(meta: unknown): Omit<DeadLetter, 'body'> | null {
  if (typeof meta !== 'string') return null;
  try {
    return headSchema.parse(JSON.parse(meta));
  } catch {
    return null;
  }
}
