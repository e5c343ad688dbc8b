import type { DeadLetter, Origin } from '@pythond/jobs';
import { ledgerKeys } from '@pythond/ledger';
import type { Redis, ScriptArg } from '@pythond/queue';
import { type Content, type Found, find, sharesOf } from './content.ts';
import { LETTER_BYTES_KEPT, LETTERS_KEPT } from './dead-letters.ts';
import { DeliverQueue } from './deliver-queue.ts';
import { dropClasses, dropOrder, sinceMsOf } from './drop-order.ts';
import { outboxKeys } from './keys.ts';
import { storeScript } from './store-script.ts';
import { packDelivery, salvage, unpackDelivery, type WaitingDelivery } from './stored-delivery.ts';
import { letterId, packLetter, settledLetterId, stateOf } from './stored-letter.ts';

/** A delivery is tried again for a day; what is left then is a dead letter. */
export const GIVE_UP_AFTER_MS = 24 * 3600 * 1000;

const DEFAULT_MAX_BYTES = 1024 ** 3;
/** Looked through for lost jobs in one round trip. */
const ADOPT_PAGE = 500;

const waitScript = storeScript('wait');
const withdrawScript = storeScript('withdraw');
const settleScript = storeScript('settle');
const buryScript = storeScript('bury');

export interface OutboxOptions {
  /** What may wait, bytes as stored; the first in the drop order make room for what comes. Default 1 GiB. */
  readonly maxBytes?: number;
  /** How many dead letters are kept; the oldest make room for newer ones. Default {@link LETTERS_KEPT}. */
  readonly lettersKept?: number;
  /** And how many bytes of them, as stored. Default {@link LETTER_BYTES_KEPT}. */
  readonly letterBytes?: number;
}

/** A delivery as it was found, to be settled as it was found. */
export interface Loaded {
  readonly delivery: WaitingDelivery;
  readonly digest: string;
}

/** What a try made of a delivery. Accepted + letters + left are all of its points. */
export interface Settlement {
  readonly accepted: readonly Origin[];
  readonly letters: readonly DeadLetter[];
  readonly left: WaitingDelivery | null;
}

/**
 * Where points wait until DataKit takes them, in Redis. Points and the ledger's count of them move in one script, so
 * that they agree whatever is killed when; the queue `deliver` only says when a delivery is to be tried again.
 */
export class Outbox {
  readonly #redis: Redis;
  readonly #maxBytes: number;
  readonly #lettersKept: number;
  readonly #letterBytes: number;
  readonly #queue: DeliverQueue;

  constructor(
    redis: Redis,
    {
      maxBytes = DEFAULT_MAX_BYTES,
      lettersKept = LETTERS_KEPT,
      letterBytes = LETTER_BYTES_KEPT,
    }: OutboxOptions = {},
  ) {
    this.#redis = redis;
    this.#maxBytes = maxBytes;
    this.#lettersKept = lettersKept;
    this.#letterBytes = letterBytes;
    this.#queue = new DeliverQueue(redis);
  }

  /**
   * Resolves when the points are in Redis; gives how many deliveries had to make room for them. May be repeated: a
   * delivery has one place. (Its job may be missing then, when Redis went away in between: `adopt` makes it.)
   */
  async wait(delivery: WaitingDelivery, delayMs: number): Promise<number> {
    const content = await packDelivery(delivery);
    const { id, destination } = delivery;
    const dropped = (await waitScript.run(
      this.#redis,
      [ledgerKeys.prefix, outboxKeys.totals, outboxKeys.deliveries, outboxKeys.deliveryPrefix],
      [id, dropOrder(delivery), ...fieldsOf(content), destination.endpoint, this.#maxBytes],
    )) as readonly string[];
    await this.#queue.add(delivery, delayMs).catch(() => undefined);
    return dropped.length;
  }

  /** Takes a delivery back whose `wait` had no answer, when its points went another way: also when it has been sent since. */
  async withdraw(id: string): Promise<void> {
    await withdrawScript.run(
      this.#redis,
      [ledgerKeys.prefix, outboxKeys.totals, outboxKeys.deliveries, outboxKeys.deliveryPrefix],
      [id],
    );
  }

  /**
   * What waits under an id; null when it has been settled.
   * @throws CorruptDeliveryError what Redis gives back is not what was put there; `buryDamaged` takes it away
   */
  async load(id: string): Promise<Loaded | null> {
    const found = await find(this.#redis, outboxKeys.delivery(id));
    return found && { delivery: await unpackDelivery(id, found), digest: found.digest };
  }

  /** @returns false when somebody else settled it meanwhile: nothing is changed */
  async settle(loaded: Loaded, { accepted, letters, left }: Settlement): Promise<boolean> {
    return this.#settle(loaded, accepted, letters, left && (await packDelivery(left)));
  }

  /** Keeps what is left of a damaged delivery as a letter; `toLetter` says what of. */
  async buryDamaged(
    id: string,
    toLetter: (salvaged: WaitingDelivery, body: string) => DeadLetter,
  ): Promise<DeadLetter | null> {
    const found = await find(this.#redis, outboxKeys.delivery(id));
    if (!found) return null;
    const delivery = salvage(id, found);
    const letter = toLetter(delivery, textOf(found));
    return (await this.#settle({ delivery, digest: found.digest }, [], [letter], null)) ? letter : null;
  }

  /**
   * Resolves when the letters are in Redis. A letter's id is its content, and its place among those of its run, of which
   * `firstPlace` is the first one's: a re-run that meets the same refusals adds nothing.
   */
  async bury(letters: readonly DeadLetter[], firstPlace = 0): Promise<void> {
    if (letters.length === 0) return;
    const args: ScriptArg[] = [this.#lettersKept, this.#letterBytes];
    for (const [index, letter] of letters.entries()) {
      const id = letterId(letter, firstPlace + index);
      args.push(...(await letterArgs(letter, id)), letter.endpoint ?? '');
    }
    await buryScript.run(this.#redis, [ledgerKeys.prefix, outboxKeys.letters, outboxKeys.letterPrefix], args);
  }

  /** Makes the jobs of deliveries that have none; gives how many. */
  async adopt(): Promise<number> {
    let adopted = 0;
    for (let start = 0; ; start += ADOPT_PAGE) {
      const last = start + ADOPT_PAGE - 1;
      const ids = await this.#redis.zrange(outboxKeys.deliveries, String(start), String(last));
      for (const id of await this.#queue.missing(ids)) adopted += await this.#adoptOne(id);
      if (ids.length < ADOPT_PAGE) return adopted;
    }
  }

  /** What waits: deliveries, points, bytes as stored. */
  async size(): Promise<{ readonly deliveries: number; readonly points: number; readonly bytes: number }> {
    const [deliveries, [points, bytes]] = await Promise.all([
      this.#redis.zcard(outboxKeys.deliveries),
      this.#redis.hmget(outboxKeys.totals, 'points', 'bytes'),
    ]);
    return { deliveries, points: Number(points ?? 0), bytes: Number(bytes ?? 0) };
  }

  /** Since when the delivery that waits longest does; null: none waits. */
  async oldestMs(): Promise<number | null> {
    const found = await Promise.all(
      dropClasses.map((least) =>
        this.#redis.zrangebyscore(outboxKeys.deliveries, least, '+inf', 'WITHSCORES', 'LIMIT', 0, 1),
      ),
    );
    const scores = found.flatMap(([, score]) => (score === undefined ? [] : [sinceMsOf(Number(score))]));
    return scores.length === 0 ? null : Math.min(...scores);
  }

  async close(): Promise<void> {
    await this.#queue.close();
  }

  async #settle(
    { delivery, digest }: Loaded,
    accepted: readonly Origin[],
    letters: readonly DeadLetter[],
    left: Content | null,
  ): Promise<boolean> {
    const { digest: newDigest, meta, body, shares } = left ?? { digest: '', meta: '', body: '', shares: '' };
    const args: ScriptArg[] = [delivery.id, digest, JSON.stringify(sharesOf(accepted))];
    args.push(this.#lettersKept, this.#letterBytes, newDigest, meta, body, shares);
    for (const [index, letter] of letters.entries()) {
      args.push(...(await letterArgs(letter, settledLetterId(delivery, digest, index))));
    }
    const reply = await settleScript.run(
      this.#redis,
      [
        ledgerKeys.prefix,
        outboxKeys.totals,
        outboxKeys.deliveries,
        outboxKeys.deliveryPrefix,
        outboxKeys.letters,
        outboxKeys.letterPrefix,
      ],
      args,
    );
    return reply === 1;
  }

  async #adoptOne(id: string): Promise<number> {
    const loaded = await this.load(id).catch(() => null);
    await (loaded ? this.#queue.add(loaded.delivery) : this.#queue.addUnreadable(id));
    return 1;
  }
}

/** As `wait.lua` takes them. */
function fieldsOf({ meta, body, digest, shares }: Content): ScriptArg[] {
  return [meta, body, digest, shares];
}

/** As `settle.lua` and `bury.lua` take them. */
async function letterArgs(letter: DeadLetter, id: string): Promise<ScriptArg[]> {
  return [id, letter.deadMs, stateOf(letter), ...fieldsOf(await packLetter(letter))];
}

function textOf({ meta, body }: Found): string {
  return JSON.stringify({ meta: meta.toString(), body: body.toString('base64') });
}
