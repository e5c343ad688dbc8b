import { randomBytes } from 'node:crypto';
import { withDeadline } from '@pythond/lifecycle';
import { type Redis, Script } from '@pythond/queue';
import { z } from 'zod';
import { keys } from './keys.ts';

/** How long a leader that says nothing leads. Renewed at a quarter; take-over follows within a second. */
const LEADER_LEASE_MS = 6_000;
export const STAND_EVERY_MS = 1_500;
/** A leader acts no more so long before its lease could end. */
const MARGIN_MS = 1_000;
const ANSWER_MS = 2_000;
const NEVER = { countMs: Number.NEGATIVE_INFINITY, clockMs: Number.NEGATIVE_INFINITY };

const leadScript = new Script(new URL('../lua/lead.lua', import.meta.url));
const stopScript = new Script(new URL('../lua/stop-leading.lua', import.meta.url));

const candidateSchema = z.object({
  name: z.string(),
  host: z.string(),
  pid: z.number(),
  /** Names the machine and its process table, so that its neighbours can see that it is dead; null where that is unknown. */
  machine: z.string().nullable(),
});
export type CandidateView = z.infer<typeof candidateSchema>;

/** Who leads. Its fence is higher than that of every leader before it. */
export interface LeaderView extends CandidateView {
  readonly fence: number;
  readonly sinceMs: number;
}

export type Stand =
  | { readonly kind: 'leads'; readonly leader: LeaderView; readonly stateLost: boolean }
  | { readonly kind: 'stands-by'; readonly leader: LeaderView }
  /** Redis has lost its state: whoever led is to bring it back, and is waited for as long as it may take to notice. */
  | { readonly kind: 'waits' };

/**
 * One scheduler's part in who leads: one at a time over the whole fleet, by a lease in Redis that is kept by standing
 * again and again.
 *
 * It *leads* from a stand that says so until a second before the lease could end, by the clock that only counts and by
 * the other one (which goes on while a machine sleeps), whichever is further; counted from before the stand was asked for. A
 * process that was stopped meanwhile finds so before it does anything. Leading without a gap is a *term*; each has a number.
 */
export class Leadership {
  readonly #redis: Redis;
  readonly #me: CandidateView;
  readonly #token = randomBytes(8).toString('hex');
  #until = NEVER;
  #term = 0;
  #state = '';
  #fence = 0;
  #lost = 0;
  /** Since when a state is missing that was there; null: it is not. */
  #missingMs: number | null = null;

  constructor(redis: Redis, me: CandidateView) {
    this.#redis = redis;
    this.#me = me;
  }

  get leads(): boolean {
    return performance.now() < this.#until.countMs && Date.now() < this.#until.clockMs;
  }

  /** The number of the term that goes on, or was the last. */
  get term(): number {
    return this.#term;
  }

  /**
   * Takes the lease, keeps it, or learns who has it.
   *
   * @param dead the fence of a leader that the caller knows to be dead: it is not waited for
   */
  async stand(dead: number | null = null): Promise<Stand> {
    const asked = { countMs: performance.now(), clockMs: Date.now() };
    const wasLeading = this.leads;
    const known = [this.#state, randomBytes(8).toString('hex'), this.#fence, this.#lost];
    const waits = !wasLeading && this.#state !== '' && this.#missingForMs() < LEADER_LEASE_MS ? 'waits' : '';
    const asking = leadScript.run(
      this.#redis,
      [keys.leader, keys.fleet],
      [this.#token, LEADER_LEASE_MS, JSON.stringify(this.#me), dead ?? '', ...known, waits],
    );
    const reply = (await withDeadline(asking, ANSWER_MS, 'asking Redis who leads')) as string[];
    const [kind, fence, view = '', since, state = '', lost] = reply;
    if (kind === 'waits') {
      this.#missingMs ??= performance.now();
      this.#until = NEVER;
      return { kind };
    }
    this.#missingMs = null;
    const stateLost = this.#state !== '' && this.#state !== state;
    this.#state = state;
    this.#fence = Math.max(this.#fence, Number(fence));
    this.#lost = Number(lost);
    const leader = {
      ...candidateSchema.parse(JSON.parse(view)),
      fence: Number(fence),
      sinceMs: Number(since),
    };
    if (kind !== 'leads') {
      this.#until = NEVER;
      return { kind: 'stands-by', leader };
    }
    if (!wasLeading || !this.leads) this.#term += 1; // it ended while Redis was asked
    const forMs = LEADER_LEASE_MS - MARGIN_MS;
    this.#until = { countMs: asked.countMs + forMs, clockMs: asked.clockMs + forMs };
    return { kind: 'leads', leader, stateLost };
  }

  #missingForMs(): number {
    return this.#missingMs === null ? 0 : performance.now() - this.#missingMs;
  }

  /** Lets another lead at once. */
  async giveUp(): Promise<void> {
    this.#until = NEVER;
    await stopScript.run(this.#redis, [keys.leader], [this.#token]);
  }
}

/** Who leads now; null: nobody. */
export async function readLeader(redis: Redis): Promise<LeaderView | null> {
  const [view, fence, since] = await redis.hmget(keys.leader, 'view', 'fence', 'since');
  if (!view) return null;
  return { ...candidateSchema.parse(JSON.parse(view)), fence: Number(fence), sinceMs: Number(since) };
}

/** How often a scheduler saw that Redis had lost what it held, and when last. */
export interface StateLosses {
  readonly total: number;
  readonly lastMs: number | null;
}

export async function readStateLosses(redis: Redis): Promise<StateLosses> {
  const [lost, lostMs] = await redis.hmget(keys.fleet, 'lost', 'lostMs');
  return { total: Number(lost ?? 0), lastMs: lostMs ? Number(lostMs) : null };
}
