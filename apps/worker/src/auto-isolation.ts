import {
  type CollectorRecord,
  type DiscoverJob,
  type InputRecord,
  type ResidentReason,
  type RunWarning,
  residentId,
} from '@pythond/jobs';
import type { JobQueue } from '@pythond/queue';
import { type Inputs, namesIn } from '@pythond/registry';
import { type Catalogue, outcomeOf, type RunEnd } from '@pythond/runner';

export interface AutoIsolationDeps {
  readonly inputs: Pick<Inputs, 'residentReason' | 'decideResident' | 'firstToChange' | 'stillReporting'>;
  /** The discover queue of a pool. */
  readonly discover: (pool: string) => Pick<JobQueue<DiscoverJob>, 'add'>;
}

/** A run that is over. */
export interface JudgedRun {
  readonly record: CollectorRecord;
  readonly input: InputRecord;
  readonly end: Pick<RunEnd, 'refused'> & Parameters<typeof outcomeOf>[0];
  readonly startedMs: number;
  /** When it reported last; null: it did not. */
  readonly reportedMs: number | null;
  /** What it leaves to the next run. */
  readonly state: Buffer | null;
}

const MAX_NAMES = 10_000;
const DISCOVER_ATTEMPTS = 3;
const MINUTE_MS = 60_000;

/** What the imports left that makes an input resident; null: nothing. */
export function leavingOf({
  leavings,
  failures,
}: Pick<Catalogue, 'leavings' | 'failures'>): ResidentReason | null {
  const [leaving] = leavings;
  if (leaving) return leaving;
  const refused = failures.find(({ wantsListen }) => wantsListen);
  if (!refused) return null;
  const who = refused.class ?? refused.module;
  return { code: 'listen', message: `${who} accepts connections, which a run may not` };
}

/**
 * Decides, for inputs that leave it open, when runs in processes of their own do not do: then the input becomes
 * resident, and is discovered again, which registers its collectors so. What a run says about itself is only a hint;
 * but a collector that asked for it would be made resident just the same.
 */
export class AutoIsolation {
  readonly #deps: AutoIsolationDeps;
  /** Who was the first to change a name, as far as this worker has asked. */
  readonly #firstBy = new Map<string, string>();
  readonly #told = new Set<string>();

  constructor(deps: AutoIsolationDeps) {
    this.#deps = deps;
  }

  /** @returns what the record of the run is to say about it */
  async judge(run: JudgedRun): Promise<RunWarning[]> {
    const shared = await this.#sharedName(run);
    const { isolation = 'auto' } = run.record;
    if (isolation !== 'auto') return shared ? this.#tellOnce(run, shared) : [];
    const reason = shared ?? listenOf(run) ?? (await this.#stillReporting(run));
    if (!reason) return [];
    await this.#deps.inputs.decideResident(run.input, reason);
    const { key, number, pool } = run.input;
    // once a minute, should a discovery fail; more often would only repeat it
    const id = `${residentId(key, number)}-${Math.floor(Date.now() / MINUTE_MS)}`;
    await this.#deps.discover(pool).add({ input: key, number }, { id, attempts: DISCOVER_ATTEMPTS });
    return [{ code: 'becomes-resident', message: `from now on it runs as a resident: ${reason.message}` }];
  }

  /** Two collectors that change one name would have shared its value in one process. */
  async #sharedName({ record, input, state }: JudgedRun): Promise<ResidentReason | null> {
    const names = state ? namesIn(state) : null;
    if (!names) return null;
    const owners = [...Object.entries(names.modules), ...Object.entries(names.classes)];
    for (const [owner, own] of owners) {
      for (const name of own) {
        const first = await this.#firstToChange(input, `${owner}.${name}`, record.id);
        if (first === record.id) continue;
        const message = `${owner}.${name} is changed by ${first} and by ${record.id}, which share it only in one process`;
        return { code: 'shared-name', message };
      }
    }
    return null;
  }

  async #firstToChange(input: InputRecord, name: string, collector: string): Promise<string> {
    const key = `${input.key}\n${input.number}\n${name}`;
    const known = this.#firstBy.get(key);
    if (known !== undefined) return known;
    const first = await this.#deps.inputs.firstToChange(input, name, collector);
    if (this.#firstBy.size >= MAX_NAMES) this.#firstBy.clear();
    this.#firstBy.set(key, first);
    return first;
  }

  #tellOnce({ record, input }: JudgedRun, { message }: ResidentReason): RunWarning[] {
    const told = `${input.key}\n${record.id}\n${message}`;
    if (this.#told.has(told) || this.#told.size >= MAX_NAMES) return [];
    this.#told.add(told);
    const remedy = 'each goes on with its own value of it; isolation = "resident" runs them in one process';
    return [{ code: 'shared-name', message: `${message}; ${remedy}` }];
  }

  /** A server that reports now and then is not a run that hangs: the second such time-out tells. */
  async #stillReporting({ record, end, startedMs, reportedMs }: JudgedRun): Promise<ResidentReason | null> {
    if (outcomeOf(end).kind !== 'timed-out' || reportedMs === null) return null;
    if (reportedMs - startedMs < record.timeoutMs / 2) return null;
    const times = await this.#deps.inputs.stillReporting(record);
    if (times < 2) return null;
    const message = `run() was still reporting at its time-out ${times} times, so it seems to serve for ever`;
    return { code: 'still-reporting', message };
  }
}

function listenOf({ end, record }: JudgedRun): ResidentReason | null {
  if (!end.refused.some(({ key }) => key === 'listen')) return null;
  return { code: 'listen', message: `run() of ${record.class} accepts connections, which a run may not` };
}
