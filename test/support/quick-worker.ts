import {
  type CollectorId,
  type DiscoverJob,
  type Discovery,
  discoverJobSchema,
  type FoundCollector,
  parseTickId,
  type RunRecord,
} from '@pythond/jobs';
import { type JobContext, type JobEnd, JobQueue, JobWorker, queueNames, type Redis } from '@pythond/queue';
import { Leases } from '@pythond/registry';

/** A worker of the test's own: claims ticks as a real one does, runs nothing, and records that as a success. */
export interface QuickWorker {
  /** Due times of the ticks that it was given for the first time, by Job Scheduler. */
  readonly given: ReadonlyMap<string, readonly number[]>;
  /** First and last due time of the grid's ticks that it took, whether they were given to it or not, by Job Scheduler. */
  readonly taken: ReadonlyMap<string, { readonly firstMs: number; readonly lastMs: number }>;
  /** Ticks that it was given again. */
  readonly again: number;
  stop(): Promise<void>;
}

/** `find`: the collectors of an input, as if they had been imported: their classes. */
export function startQuickWorker(
  redis: Redis,
  find: (input: string) => { readonly classes: readonly string[]; readonly everyMs: number },
): QuickWorker {
  const connection = redis.duplicate({ maxRetriesPerRequest: null, enableAutoPipelining: false });
  connection.options.commandTimeout = undefined as never; // it waits for jobs
  connection.on('error', () => undefined);
  const leases = new Leases(redis);
  const discovered = new JobQueue<Discovery>(queueNames.discovered, redis);
  const given = new Map<string, number[]>();
  const taken = new Map<string, { firstMs: number; lastMs: number }>();
  const counts = { again: 0 };

  const collect = async (_data: unknown, { id, takenMs }: JobContext): Promise<JobEnd> => {
    const tick = parseTickId(id);
    if (!tick) return { kind: 'give-up', reason: 'no tick' };
    const { scheduler, dueMs, kind } = tick;
    const known = { worker: 'quick', knownVersion: '', knownState: '', takenMs };
    const claim = await leases.claim({ scheduler, jobId: id, dueMs, kind, ...known });
    const isCounted = claim.kind !== 'skipped' || claim.reason !== 'gone';
    if (kind === 'grid' && isCounted) {
      const { firstMs = dueMs, lastMs = dueMs } = taken.get(scheduler) ?? {};
      taken.set(scheduler, { firstMs: Math.min(firstMs, dueMs), lastMs: Math.max(lastMs, dueMs) });
    }
    if (claim.kind !== 'claimed') return { kind: 'done', value: claim.kind };
    if (claim.again) counts.again += 1;
    const dues = given.get(scheduler) ?? [];
    // again, and new here: the answer to its first claim was lost
    if (kind === 'grid' && !(claim.again && dues.includes(dueMs))) given.set(scheduler, [...dues, dueMs]);
    const { id: collector } = JSON.parse(claim.record ?? '{}');
    const record = successOf({ id, collector, kind, dueMs });
    await leases.release({ scheduler, lease: claim.lease, record, output: null });
    return { kind: 'done', value: 'succeeded' };
  };
  const discover = async (data: unknown, { id }: JobContext): Promise<JobEnd> => {
    await discovered.add(discoveryOf(discoverJobSchema.parse(data), find), { id: `${id}-${Date.now()}` });
    return { kind: 'done' };
  };
  const common = { connection, onError: () => undefined };
  const workers = [
    new JobWorker({ ...common, queue: queueNames.collect('default'), concurrency: 16, process: collect }),
    new JobWorker({ ...common, queue: queueNames.discover('default'), concurrency: 1, process: discover }),
  ];
  return {
    given,
    taken,
    get again() {
      return counts.again;
    },
    stop: async () => {
      await Promise.all(workers.map((worker) => worker.stop(10_000)));
      await discovered.close();
      connection.disconnect();
    },
  };
}

function discoveryOf(
  { input, number }: DiscoverJob,
  find: Parameters<typeof startQuickWorker>[1],
): Discovery {
  const { classes, everyMs } = find(input);
  const collectors = classes.map((name): FoundCollector => {
    const place = { key: `${input}/${input}:${name}`, module: input, dir: input, class: name, name };
    return { ...place, interval: everyMs / 1000, timeout: null, isolation: null, warnings: [] };
  });
  const python = { version: '3.11.0', executable: 'none' };
  return { input, number, worker: 'quick', python, collectors, failures: [], error: null, warnings: [] };
}

/** A run that did nothing, and did it well. */
export function successOf({
  id,
  collector,
  kind,
  dueMs,
}: {
  readonly id: string;
  readonly collector: CollectorId;
  readonly kind: RunRecord['kind'];
  readonly dueMs: number;
}): RunRecord {
  const nowMs = Date.now();
  return {
    ...{ v: 1, id, collector, kind, dueMs, startedMs: nowMs, endedMs: nowMs, attempt: 1, worker: 'quick' },
    ...{ outcome: { kind: 'succeeded' }, sandbox: 'none', cpuMs: 0, maxRssKb: 0 },
    phases: { lagMs: 0, prepareMs: 0, forkMs: 0, runMs: 0, normaliseMs: 0, deliverMs: 0 },
    points: { reported: 0, delivered: 0, queued: 0, dead: 0 },
    ...{ warnings: [], error: null, hint: null, stdout: '', stderr: '', stdoutBytes: 0, stderrBytes: 0 },
  };
}
