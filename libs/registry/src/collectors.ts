import { createHash, randomBytes } from 'node:crypto';
import {
  type CollectorId,
  type CollectorRecord,
  collectorRecordSchema,
  type RunRecord,
  readRecord,
  runRecordSchema,
  schedulerId,
} from '@pythond/jobs';
import { type Redis, Script } from '@pythond/queue';
import { keys } from './keys.ts';
import { type Pause, Pauses, pausesOf } from './pauses.ts';
import { STATE_OF_GONE_MS } from './states.ts';
import { withSkipped } from './tick-counts.ts';

const awayScript = new Script(new URL('../lua/host-away.lua', import.meta.url));

/** Commands that registering a record takes. */
const COMMANDS_EACH = 5;
/** Between so many everything else goes on: whoever lists a hundred thousand has a lease to renew. */
const LISTED_AT_ONCE = 1_000;
/** What would be due until its next tick is not counted as missed: nobody wants it. */
const REST = { rest: '1' };

/** A collector with what Redis has counted for it since it was registered. */
export interface CollectorView {
  readonly record: CollectorRecord;
  readonly counts: Readonly<Record<string, number>>;
  /** The tick that was started last, milliseconds, when its end is not recorded; null: it is, or a resident runs it. */
  readonly openDueMs: number | null;
  readonly lastOutcome: string | null;
  readonly lastEndedMs: number | null;
  readonly lastRunMs: number | null;
  /** Of a resident: the call of run() that goes on now. */
  readonly running: RunRecord | null;
  /** What operators have paused of it, the widest first; its block may pause it, too. */
  readonly pauses: readonly Pause[];
  /** Of one host, which has had no worker since then: nothing of it is due. */
  readonly awaySinceMs: number | null;
}

/** Finding what `ls`, `show` and the workers know of collectors: one hash each, and a set of their ids. */
export class Collectors {
  readonly #redis: Redis;
  readonly #pauses: Pauses;

  constructor(redis: Redis) {
    this.#redis = redis;
    this.#pauses = new Pauses(redis);
  }

  /** Writes records, all of them in one step; gives the ids that the registry did not have. */
  async register(records: readonly CollectorRecord[]): Promise<CollectorId[]> {
    if (records.length === 0) return [];
    const pipeline = this.#redis.multi();
    for (const record of records) {
      const text = JSON.stringify(record);
      const hash = keys.collector(schedulerId(record.id));
      pipeline.sadd(keys.collectors, record.id);
      // the epoch makes fences differ after a flush, when their counters start anew
      pipeline.hsetnx(hash, 'epoch', randomBytes(4).toString('hex'));
      pipeline.hset(hash, {
        record: text,
        version: createHash('sha256').update(text).digest('hex').slice(0, 16),
        every: record.everyMs,
        paused: record.paused ? '1' : '0',
        resident: record.resident ? '1' : '0',
        ...(record.paused && record.resident ? REST : {}),
      });
      // what a resident had going on is history once the collector has runs of its own
      if (record.resident) pipeline.hexists(hash, 'running');
      else pipeline.hdel(hash, 'running');
      pipeline.persist(keys.state(schedulerId(record.id)));
    }
    const replies = (await pipeline.exec()) ?? [];
    return records.filter((_, index) => replies[index * COMMANDS_EACH]?.[1] === 1).map((record) => record.id);
  }

  /** Ends collectors: a tick that is queued already finds nothing to run. Their history stays, and their state for a while. */
  async remove(ids: readonly CollectorId[]): Promise<void> {
    const pipeline = this.#redis.pipeline();
    for (const id of ids) {
      pipeline.srem(keys.collectors, id);
      pipeline.hdel(
        keys.collector(schedulerId(id)),
        ...['record', 'version', 'paused', 'resident', 'running', 'away'],
      );
      pipeline.hset(keys.collector(schedulerId(id)), REST);
      pipeline.pexpire(keys.state(schedulerId(id)), STATE_OF_GONE_MS);
    }
    await pipeline.exec();
  }

  /**
   * The host of a collector has no worker any more: nothing of it is due, and nothing is missed, until it is back.
   * @returns false while a run of it goes on: then nothing was written
   */
  async away(id: CollectorId, nowMs: number): Promise<boolean> {
    const scheduler = schedulerId(id);
    const reply = await awayScript.run(
      this.#redis,
      [keys.collector(scheduler), keys.lease(scheduler)],
      [nowMs],
    );
    return reply === 1;
  }

  /** Their hosts are back. */
  async back(ids: readonly CollectorId[]): Promise<void> {
    if (ids.length === 0) return;
    const transaction = this.#redis.multi();
    for (const id of ids) transaction.hdel(keys.collector(schedulerId(id)), 'away');
    await transaction.exec();
  }

  /** Leaves nothing of collectors, whatever there was. */
  async forget(ids: readonly CollectorId[]): Promise<void> {
    const pipeline = this.#redis.pipeline();
    for (const id of ids) {
      const scheduler = schedulerId(id);
      const { collector, runs, outputs, state } = keys;
      pipeline.srem(keys.collectors, id);
      pipeline.del(...[collector, runs, outputs, state].map((keyOf) => keyOf(scheduler)));
    }
    await pipeline.exec();
  }

  async ids(): Promise<CollectorId[]> {
    return (await this.#redis.smembers(keys.collectors)).sort() as CollectorId[];
  }

  /** @throws NewerRecordError when a newer version of the fleet made it */
  async get(id: CollectorId): Promise<CollectorView | null> {
    const [hash, pauses] = await Promise.all([
      this.#redis.hgetall(keys.collector(schedulerId(id))),
      this.#pauses.list(),
    ]);
    return toView(hash, pauses);
  }

  /** @throws NewerRecordError as `get`: a list that lacks some would have their schedules removed */
  async list(): Promise<CollectorView[]> {
    const [ids, pauses] = await Promise.all([this.ids(), this.#pauses.list()]);
    const views: CollectorView[] = [];
    for (let start = 0; start < ids.length; start += LISTED_AT_ONCE) {
      const pipeline = this.#redis.pipeline();
      for (const id of ids.slice(start, start + LISTED_AT_ONCE)) {
        pipeline.hgetall(keys.collector(schedulerId(id)));
      }
      const replies = (await pipeline.exec()) ?? [];
      views.push(...replies.flatMap(([, hash]) => toView(hash as Record<string, string>, pauses) ?? []));
    }
    return views;
  }

  /** Everything that operators have paused. */
  async pauses(): Promise<Pause[]> {
    return this.#pauses.list();
  }

  /** The newest runs, newest first; without those that only a newer version of the fleet can read. */
  async runs(id: CollectorId, most: number): Promise<RunRecord[]> {
    const texts = await this.#redis.lrange(keys.runs(schedulerId(id)), 0, most - 1);
    return texts.flatMap(readRun);
  }

  /** The long form of what a run printed, while it is kept. */
  async output(id: CollectorId, run: string): Promise<{ stdout: string; stderr: string } | null> {
    const texts = await this.#redis.lrange(keys.outputs(schedulerId(id)), 0, -1);
    const found = texts
      .map((text) => JSON.parse(text) as { run: string; stdout: string; stderr: string })
      .find((output) => output.run === run);
    return found ?? null;
  }
}

const COUNT_PREFIX = 'n:';

/** [] for one of a newer version, with an outcome that nobody knows here, say. */
function readRun(text: string): RunRecord[] {
  const { success, data } = runRecordSchema.safeParse(JSON.parse(text));
  return success ? [data] : [];
}

function toView(hash: Record<string, string>, pauses: readonly Pause[]): CollectorView | null {
  if (!hash['record']) return null;
  const counts = Object.entries(hash)
    .filter(([field]) => field.startsWith(COUNT_PREFIX))
    .map(([field, value]) => [field.slice(COUNT_PREFIX.length), Number(value)] as const);
  const stored = JSON.parse(hash['record']);
  const record = readRecord(collectorRecordSchema, stored, `collector ${stored.id}`);
  return {
    record,
    counts: withSkipped(Object.fromEntries(counts)),
    openDueMs: hash['open'] ? Number(hash['open']) : null,
    lastOutcome: hash['lastOutcome'] ?? null,
    lastEndedMs: hash['lastEnded'] ? Number(hash['lastEnded']) : null,
    lastRunMs: hash['lastRunMs'] ? Number(hash['lastRunMs']) : null,
    running: hash['running'] ? (readRun(hash['running'])[0] ?? null) : null,
    pauses: pausesOf(record, pauses),
    awaySinceMs: hash['away'] ? Number(hash['away']) : null,
  };
}
