import { createHash, randomBytes } from 'node:crypto';
import {
  type CollectorId,
  type CollectorRecord,
  NewerRecordError,
  placeOf,
  type ResidentPlan,
  type RunRecord,
  readRecord,
  residentId,
  residentPlanSchema,
  runRecordSchema,
  schedulerId,
} from '@pythond/jobs';
import { ledgerKeys, ledgerLua } from '@pythond/ledger';
import { type Redis, Script } from '@pythond/queue';
import { keys } from './keys.ts';
import { historyLua, LEASE_MS, OUTPUTS_KEPT, type ReleasedPoints, RUNS_KEPT } from './leases.ts';
import { type Pause, Pauses, pausesOf } from './pauses.ts';

const claimScript = new Script(new URL('../lua/resident-claim.lua', import.meta.url));
const keepScript = new Script(new URL('../lua/resident-keep.lua', import.meta.url));
const releaseScript = new Script(new URL('../lua/resident-release.lua', import.meta.url));
const passBeganScript = new Script(ledgerLua, new URL('../lua/pass-began.lua', import.meta.url));
const passEndedScript = new Script(ledgerLua, historyLua, new URL('../lua/pass-ended.lua', import.meta.url));

export interface WantedResident {
  readonly id: string;
  readonly version: string;
  /** Without the collectors that an operator has paused. */
  readonly plan: ResidentPlan;
  readonly paused: readonly CollectorRecord[];
}

/** `busy`: a run of one of its collectors goes on still. `held`: another worker has it. */
export type ResidentClaim =
  | { readonly kind: 'claimed'; readonly lease: string }
  | { readonly kind: 'changed' | 'gone' | 'held' | 'busy' };

/**
 * What a resident's worker is told: go on as it is, start anew with another plan, end, or end at once; `paused`: an
 * operator has paused or resumed some or all of it.
 */
export type ResidentNews = 'unchanged' | 'changed' | 'paused' | 'unwanted' | 'lost';

/** One call of run() in a resident, when it begins or while it goes on. */
export interface PassStart {
  readonly lease: string;
  readonly kind: 'grid' | 'first' | 'going-on';
  readonly offsetMs: number;
  /** What is known of it by now; its outcome is `running`. */
  readonly record: RunRecord;
  /** Its points since the last time, but for those that the outbox has counted. */
  readonly points: readonly ReleasedPoints[];
}

/** One call of run() that is over. */
export interface PassEnd extends Pick<PassStart, 'lease' | 'record' | 'points'> {
  /** The long form of what was printed, when the record holds a short one. */
  readonly output: { readonly stdout: string; readonly stderr: string } | null;
}

export interface ResidentView {
  readonly plan: ResidentPlan;
  /** Who holds it; null: nobody at the moment. */
  readonly worker: string | null;
  readonly sinceMs: number | null;
  readonly starts: number;
  /** How often its process ended without being asked to. */
  readonly crashes: number;
  readonly lastCrash: { readonly atMs: number; readonly cause: string } | null;
}

/**
 * The resident processes that are wanted, and who holds each: one worker at a time over the whole fleet, fenced.
 *
 * Whoever holds a resident holds the leases of all its collectors too, so that a run and a resident of one collector
 * exclude each other just as two runs do.
 */
export class Residents {
  readonly #redis: Redis;
  readonly #pauses: Pauses;

  constructor(redis: Redis) {
    this.#redis = redis;
    this.#pauses = new Pauses(redis);
  }

  /** Writes a plan; a resident that goes on by an older one is replaced. Gives whether anything changed. */
  async put(plan: ResidentPlan): Promise<boolean> {
    const id = residentId(plan.input, plan.number, plan.host);
    const place = placeOf(plan);
    const text = JSON.stringify(plan);
    const version = versionOf(text);
    const [[known, lease], heldUntil, now] = await Promise.all([
      this.#redis.hmget(keys.resident(id), 'version', 'lease'),
      this.#redis.zscore(keys.residentsOf(place), id),
      this.#now(),
    ]);
    if (known === version && heldUntil !== null) return false;
    await this.#redis
      .multi()
      .hset(keys.resident(id), { plan: text, version })
      .hset(keys.residents, id, place)
      .zadd(keys.residentsOf(place), ...(lease ? (['NX'] as const) : []), now, id)
      .exec();
    return true;
  }

  /** Ids of all that are wanted, with their places: a pool, or `pool@host`. */
  async wanted(): Promise<ReadonlyMap<string, string>> {
    return new Map(Object.entries(await this.#redis.hgetall(keys.residents)));
  }

  /** Wants it no more: its worker ends it, and then nothing of it is left. */
  async remove(id: string, place: string): Promise<void> {
    const [reply] =
      (await this.#redis
        .multi()
        .hexists(keys.resident(id), 'lease')
        .hdel(keys.residents, id)
        .zrem(keys.residentsOf(place), id)
        .exec()) ?? [];
    if (reply?.[1] === 0) await this.#redis.del(keys.resident(id));
  }

  /** How many a place has. */
  async count(place: string): Promise<number> {
    return this.#redis.zcard(keys.residentsOf(place));
  }

  /** Some that nobody has held for `forMs`, the longest first; none that is paused as a whole, or of a newer version. */
  async free(place: string, forMs: number, most: number): Promise<WantedResident[]> {
    const [now, pauses] = await Promise.all([this.#now(), this.#pauses.list()]);
    const range = [keys.residentsOf(place), '-inf', now - forMs] as const;
    // paused ones stay in their places, and would be the only ones that are found
    const ids =
      pauses.length > 0
        ? await this.#redis.zrangebyscore(...range)
        : await this.#redis.zrangebyscore(...range, 'LIMIT', 0, most);
    const found = await Promise.all(ids.map((id) => this.#get(id, pauses)));
    return found.flatMap((one) => (one && one.plan.collectors.length > 0 ? [one] : [])).slice(0, most);
  }

  /** By Redis' clock, as all the times until which residents are held. */
  async #now(): Promise<number> {
    const [seconds = 0, microseconds = 0] = await this.#redis.time();
    return Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000);
  }

  async #get(id: string, pauses: readonly Pause[]): Promise<WantedResident | null> {
    const [text, version] = await this.#redis.hmget(keys.resident(id), 'plan', 'version');
    if (!text || !version) return null;
    const plan = planOf(text);
    if (!plan) return null;
    const collectors = plan.collectors.filter((one) => pausesOf(one, pauses).length === 0);
    const paused = plan.collectors.filter((one) => !collectors.includes(one));
    return { id, version, plan: { ...plan, collectors }, paused };
  }

  async claim({ id, version, plan }: WantedResident, worker: string): Promise<ResidentClaim> {
    const epoch = randomBytes(4).toString('hex');
    const reply = await claimScript.run(this.#redis, keysOf(id, plan), [
      id,
      version,
      worker,
      LEASE_MS,
      epoch,
    ]);
    const [kind, lease] = reply as [ResidentClaim['kind'], string];
    return kind === 'claimed' ? { kind, lease } : { kind };
  }

  /** Holds on to a place; the collectors' leases are renewed like those of runs. */
  async keep({ id, version, plan, paused }: WantedResident, lease: string): Promise<ResidentNews> {
    const [hash, pool] = keysOf(id, plan) as [string, string];
    const [now, pauses] = await Promise.all([
      keepScript.run(this.#redis, [hash, pool], [id, lease, LEASE_MS]),
      this.#pauses.list(),
    ]);
    if (now === '') return 'unwanted';
    if (now === 'lost') return 'lost';
    if (now !== version) return 'changed';
    const isPaused = (one: CollectorRecord) => pausesOf(one, pauses).length > 0;
    return plan.collectors.some(isPaused) || !paused.every(isPaused) ? 'paused' : 'unchanged';
  }

  /** Its process is gone. Nobody takes it for `backOffMs`. */
  async release({ id, plan }: WantedResident, lease: string, backOffMs: number): Promise<void> {
    await releaseScript.run(this.#redis, keysOf(id, plan), [id, lease, Math.round(backOffMs)]);
  }

  /** Its process ended without being asked to. Gives how often in a row; `proven` starts that count anew. */
  async noteCrash(id: string, cause: string, proven: boolean): Promise<number> {
    const hash = keys.resident(id);
    const replies = await this.#redis
      .multi()
      .hincrby(hash, 'n:crashes', 1)
      .hset(hash, { crashedAt: Date.now(), crash: cause, ...(proven ? { inRow: 0 } : {}) })
      .hincrby(hash, 'inRow', 1)
      .exec();
    return Number(replies?.[2]?.[1] ?? 1);
  }

  async view(input: string, number: number, host?: string): Promise<ResidentView | null> {
    const hash = await this.#redis.hgetall(keys.resident(residentId(input, number, host)));
    if (!hash['plan']) return null;
    const [, , worker = null] = hash['lease']?.split('|') ?? [];
    return {
      plan: readRecord(residentPlanSchema, JSON.parse(hash['plan']), `the resident of ${input}`),
      worker,
      sinceMs: worker === null ? null : Number(hash['since'] ?? 0),
      starts: Number(hash['n:starts'] ?? 0),
      crashes: Number(hash['n:crashes'] ?? 0),
      lastCrash: hash['crash'] ? { atMs: Number(hash['crashedAt'] ?? 0), cause: hash['crash'] } : null,
    };
  }

  /** What goes on now, or was going on when its worker died. */
  async going(collector: CollectorId): Promise<RunRecord | null> {
    const text = await this.#redis.hget(keys.collector(schedulerId(collector)), 'running');
    return text ? runRecordSchema.parse(JSON.parse(text)) : null;
  }

  /** @returns false when the lease was lost: nothing was written */
  async passGoesOn({ lease, kind, offsetMs, record, points }: PassStart): Promise<boolean> {
    const scheduler = schedulerId(record.collector as CollectorId);
    const dueMs = kind === 'going-on' ? Date.now() : record.dueMs;
    const reply = await passBeganScript.run(
      this.#redis,
      [keys.collector(scheduler), keys.lease(scheduler), ledgerKeys.prefix],
      [
        ...[lease, kind, dueMs, offsetMs, record.startedMs, JSON.stringify(record)],
        ...ledgerArgs(record, `${record.id} ${kind} ${record.endedMs}`, points),
      ],
    );
    return reply === 1;
  }

  /** @returns false when the lease was lost: nothing was written */
  async passEnded({ lease, record, output, points }: PassEnd): Promise<boolean> {
    const scheduler = schedulerId(record.collector as CollectorId);
    const reply = await passEndedScript.run(
      this.#redis,
      [
        ...[keys.collector(scheduler), keys.lease(scheduler), keys.runs(scheduler), keys.outputs(scheduler)],
        ledgerKeys.prefix,
      ],
      [
        lease,
        record.outcome.kind,
        JSON.stringify(record),
        output ? JSON.stringify({ run: record.id, ...output }) : '',
        ...[RUNS_KEPT, OUTPUTS_KEPT, record.endedMs, Math.round(record.phases.runMs), record.kind],
        ...ledgerArgs(record, `${record.id} ended`, points),
      ],
    );
    return reply === 1;
  }
}

/** null: a newer version of the fleet made it, whose workers hold it. */
function planOf(text: string): ResidentPlan | null {
  try {
    return readRecord(residentPlanSchema, JSON.parse(text), 'a resident');
  } catch (error) {
    if (error instanceof NewerRecordError) return null;
    throw error;
  }
}

function keysOf(id: string, plan: ResidentPlan): string[] {
  const leases = plan.collectors.map((record) => keys.lease(schedulerId(record.id)));
  return [keys.resident(id), keys.residentsOf(placeOf(plan)), ...leases];
}

/** `call`: the same when it is made again, for its answer was lost. */
function ledgerArgs(
  { collector }: RunRecord,
  call: string,
  points: readonly ReleasedPoints[],
): (string | number)[] {
  return [
    collector,
    call,
    ...points.flatMap(({ endpoint, emitted, accepted }) => [endpoint, emitted, accepted]),
  ];
}

function versionOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
