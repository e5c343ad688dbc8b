import type { Redis } from '@pythond/queue';
import { z } from 'zod';
import { clockText } from './fleet-clock.ts';
import { keys } from './keys.ts';
import { addLags, type PoolLag, readLags } from './lags.ts';
import { type LeaderView, readLeader, readStateLosses, type StateLosses } from './leadership.ts';
import { redisProblems } from './redis-care.ts';
import type { Sealer, StoredRecord } from './sealer.ts';

/** A worker that does not renew this is gone. */
export const HEARTBEAT_MS = 5_000;
const HEARTBEAT_TTL_MS = 3 * HEARTBEAT_MS;
const LOSS_SHOWN_MS = 24 * 3600_000;

const workerViewSchema = z.object({
  name: z.string(),
  /** Its machine: what `PYTHOND_HOST` says, else the machine's own name. */
  host: z.string(),
  pid: z.number(),
  version: z.string(),
  startedMs: z.number(),
  pools: z.array(z.string()),
  /** That it takes what runs on its host alone; workers of earlier versions do not. */
  takesOwnHost: z.boolean().optional(),
  concurrency: z.number(),
  running: z.number(),
  runs: z.number(),
  /** Residents that it holds; workers of earlier versions hold none. */
  residents: z.number().optional(),
  /** `strict` or `none`; newer versions may know more. */
  sandbox: z.string(),
  /** The `cmd`s of its pools that it has tried, and whether they start there; workers of earlier versions do not say. */
  cmds: z.record(z.string(), z.boolean()).optional(),
  /** Bundles that it could not have from Redis lately; workers of earlier versions do not say. */
  bundlesAmiss: z.array(z.string()).optional(),
  /** Python hosts that had to be killed or died, by reason; workers of earlier versions do not say. */
  hostDeaths: z.record(z.string(), z.number()).optional(),
  /** How many ms the clocks of DataKits are ahead, where that is too much; workers of earlier versions do not say. */
  clocksOff: z.record(z.string(), z.number()).optional(),
  /** How many ms Redis's clock is ahead, where it is more than a second: then it takes no ticks; earlier versions do not say. */
  redisClockOff: z.number().nullable().optional(),
  /** The keys by which it believes records; null: it acts on unsigned ones. Earlier versions do not say, and do. */
  trustedKeys: z.array(z.string()).nullable().optional(),
});
export type WorkerView = z.infer<typeof workerViewSchema>;

/** A worker, as it last told of itself, and how long ago that was. */
export interface Heartbeat {
  readonly worker: WorkerView;
  readonly ageMs: number;
}

/** What does not work as it should, for people to see: a line of `conf.d` or `python.d`, a worker's clock. */
export const problemSchema = z.object({
  level: z.enum(['error', 'warning']),
  code: z.string(),
  text: z.string(),
  /** The pool that no worker serves, where that is what is wrong: it is over as soon as one does. */
  pool: z.string().optional(),
});
export type Problem = z.infer<typeof problemSchema>;

/** The fields of the settings that hold the `cmd`s of a pool begin so. */
const CMDS = 'cmds:';
const DATAKIT = 'datakit';
/** Before the name of a field: its seal, empty where nothing is sealed. */
const SEAL = 'seal:';
const cmdsSchema = z.array(z.string());

export interface Published {
  /** The DataKit for workers that were told of none. */
  readonly datakit: string | null;
  /** What the inputs of a worker's pools name as their interpreters. */
  readonly cmds: readonly string[];
}

/** What concerns the fleet as a whole: who works in it, what its configuration lacks, what the scheduler published. */
export class Fleet {
  readonly #redis: Redis;
  readonly #sealer: Sealer | null;
  /** What this scheduler has published, by field. */
  readonly #ownTexts = new Map<string, { readonly text: string; readonly seal: string }>();

  /** @param sealer seals what is published */
  constructor(redis: Redis, sealer: Sealer | null = null) {
    this.#redis = redis;
    this.#sealer = sealer;
  }

  /** @param lags of the ticks that it took since its last heartbeat */
  async beat(worker: WorkerView, lags: readonly PoolLag[] = []): Promise<void> {
    const beat = this.#redis
      .multi()
      .set(keys.worker(worker.name), JSON.stringify(worker), 'PX', HEARTBEAT_TTL_MS)
      .sadd(keys.workers, worker.name);
    addLags(beat, lags);
    await beat.exec();
  }

  /** Of all ticks of grids that workers took, since Redis began; residents have no queue to wait in. */
  lags(): Promise<PoolLag[]> {
    return readLags(this.#redis);
  }

  async leave(worker: string): Promise<void> {
    await this.#redis.multi().del(keys.worker(worker)).srem(keys.workers, worker).exec();
  }

  async workers(): Promise<WorkerView[]> {
    return (await this.heartbeats()).map(({ worker }) => worker);
  }

  /** The workers that are there, by name. */
  async heartbeats(): Promise<Heartbeat[]> {
    const names = (await this.#redis.smembers(keys.workers)).sort();
    if (names.length === 0) return [];
    const pipeline = this.#redis.pipeline();
    for (const name of names) pipeline.get(keys.worker(name)).pttl(keys.worker(name));
    const replies = ((await pipeline.exec()) ?? []).map(([, reply]) => reply);
    const texts = names.map((_, index) => replies[2 * index] as string | null);
    const gone = names.filter((_, index) => !texts[index]);
    if (gone.length > 0) await this.#redis.srem(keys.workers, ...gone).catch(() => undefined); // who may only look leaves it
    return texts.flatMap((text, index) => {
      const view = text ? workerViewSchema.safeParse(JSON.parse(text)) : null;
      if (!view?.success) return []; // gone, or it tells of itself in a newer way
      const ageMs = Math.max(0, HEARTBEAT_TTL_MS - Number(replies[2 * index + 1]));
      return [{ worker: view.data, ageMs }];
    });
  }

  async putProblems(problems: readonly Problem[]): Promise<void> {
    await this.#redis.set(keys.problems, JSON.stringify(problems));
  }

  /** What the scheduler put, what workers found, and what befell Redis. */
  async problems(): Promise<Problem[]> {
    const [text, workers, losses] = await Promise.all([
      this.#redis.get(keys.problems),
      this.workers(),
      this.stateLosses(),
    ]);
    const put = text ? z.array(problemSchema).parse(JSON.parse(text)) : [];
    const served = new Set(workers.flatMap(({ pools }) => pools));
    const still = put.filter(({ pool }) => pool === undefined || !served.has(pool)); // the scheduler looks every 5 s
    return [...still, ...workers.flatMap(clockProblems), ...lossProblem(losses)];
  }

  /** What is wrong with how Redis is set up, or how it does. */
  async redisProblems(): Promise<Problem[]> {
    return redisProblems(await this.#redis.info());
  }

  /** The scheduler that leads; null: none does just now. */
  leader(): Promise<LeaderView | null> {
    return readLeader(this.#redis);
  }

  /** `redis_state_lost_total`: the count itself is kept by the schedulers that live through it. */
  stateLosses(): Promise<StateLosses> {
    return readStateLosses(this.#redis);
  }

  /** The DataKit for workers that were told of none. */
  async publishDatakit(endpoint: string): Promise<void> {
    await this.#publish(new Map([[DATAKIT, endpoint]]));
  }

  async publishedDatakit(): Promise<string | null> {
    return this.#redis.hget(keys.settings, 'datakit');
  }

  /** The `cmd`s that the inputs of each pool name, for its workers to try. */
  async publishCmds(cmds: ReadonlyMap<string, readonly string[]>): Promise<void> {
    const fields = await this.#redis.hkeys(keys.settings);
    const old = fields.filter((field) => field.startsWith(CMDS) && !cmds.has(field.slice(CMDS.length)));
    if (old.length > 0) await this.#redis.hdel(keys.settings, ...old, ...old.map((field) => SEAL + field));
    for (const field of old) this.#ownTexts.delete(field);
    await this.#publish(new Map([...cmds].map(([pool, some]) => [CMDS + pool, JSON.stringify(some)])));
  }

  async #publish(texts: ReadonlyMap<string, string>): Promise<void> {
    const fields: Record<string, string> = {};
    for (const [field, text] of texts) {
      const seal = this.#sealer?.sealPublished(field, text) ?? '';
      fields[field] = text;
      fields[SEAL + field] = seal;
      this.#ownTexts.set(field, { text, seal });
    }
    if (texts.size > 0) await this.#redis.hset(keys.settings, fields);
  }

  /** Publishes again what this scheduler has published and sealed, where the seal is due or somebody has changed it. */
  async renewPublished(): Promise<void> {
    const sealer = this.#sealer;
    if (!sealer) return;
    const stored = await this.#redis.hgetall(keys.settings);
    const wrong = [...this.#ownTexts].filter(([field, { text, seal }]) => {
      return stored[field] !== text || stored[SEAL + field] !== seal || sealer.isPublishedDue(seal);
    });
    await this.#publish(new Map(wrong.map(([field, { text }]) => [field, text])));
  }

  /**
   * What the scheduler published for workers of these pools.
   *
   * @param isBelieved says of each text, by its field, whether its seal is one to act on; the default: all are
   */
  async published(
    pools: readonly string[],
    isBelieved: (field: string, stored: StoredRecord) => boolean = () => true,
  ): Promise<Published> {
    const fields = [DATAKIT, ...pools.map((pool) => CMDS + pool)];
    const stored = await this.#redis.hmget(keys.settings, ...fields, ...fields.map((field) => SEAL + field));
    const [datakit = null, ...texts] = fields.map((field, index) => {
      const text = stored[index] ?? null;
      const seal = stored[fields.length + index] || null;
      return text !== null && isBelieved(field, { text, seal }) ? text : null;
    });
    const cmds = texts.flatMap((text) => (text ? cmdsSchema.parse(JSON.parse(text)) : []));
    return { datakit, cmds: [...new Set(cmds)] };
  }
}

function lossProblem({ total, lastMs }: StateLosses): Problem[] {
  if (lastMs === null || Date.now() - lastMs > LOSS_SHOWN_MS) return [];
  const times = total === 1 ? 'once' : `${total} times`;
  const when = new Date(lastMs).toISOString();
  const text = `Redis has lost what it held ${times}, last at ${when}: schedules are back, but run histories, counts, states, dead letters and points that waited are gone; was it flushed, or started again without its append-only file?`;
  return [{ level: 'warning', code: 'redis-state-lost', text }];
}

function clockProblems(worker: WorkerView): Problem[] {
  return [...fleetClockProblem(worker), ...datakitClockProblems(worker)];
}

function fleetClockProblem({ host, name, redisClockOff = null }: WorkerView): Problem[] {
  if (redisClockOff === null) return [];
  const text = `${clockText(`${host} (worker ${name})`, redisClockOff)}, so it takes no ticks until it is right; set both by NTP`;
  return [{ level: 'error', code: 'clock-off-redis', text }];
}

function datakitClockProblems({ host, name, clocksOff = {} }: WorkerView): Problem[] {
  return Object.entries(clocksOff).map(([endpoint, aheadMs]) => {
    const way = aheadMs > 0 ? 'behind' : 'ahead of';
    const seconds = Math.round(Math.abs(aheadMs) / 1000);
    return {
      level: 'warning',
      code: 'clock-off',
      text: `the clock of ${host} (worker ${name}) is ${seconds} s ${way} that of the DataKit at ${endpoint}, which overwrites times that are 2 h off; set both by NTP`,
    };
  });
}
