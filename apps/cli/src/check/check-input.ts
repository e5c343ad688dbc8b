import type { BundleCache, BundleLimits, BundleStore } from '@pythond/bundles';
import {
  type CollectorId,
  collectorId,
  defaultTimeoutMs,
  type InputDefinition,
  type InputRecord,
} from '@pythond/jobs';
import {
  type Catalogue,
  causeOf,
  defaultHostLimits,
  HostDiedError,
  type HostLease,
  type HostPool,
  outcomeOf,
  type Report,
} from '@pythond/runner';
import { contentOf, describeBundleProblem, prepareInput } from '@pythond/scheduler';
import { InputSupply, type InputSupplyOptions, type OpenInput } from '@pythond/worker';
import { checkedReports } from './checked-reports.ts';
import type { CheckedCollector, CheckFailure } from './result.ts';

export interface CheckInputOptions {
  readonly home: string;
  /** Homes of git repos, which come before it. */
  readonly overlays: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly secretsDirs: readonly string[];
  /** What this machine is called. */
  readonly host: string;
  readonly bundleLimits: Partial<BundleLimits>;
  readonly ownDatakit: string;
  readonly store: Pick<BundleStore, 'put'>;
  readonly bundles: Pick<BundleCache, 'acquire'>;
  readonly hosts: Pick<HostPool, 'acquire'>;
  readonly confine: InputSupplyOptions['confine'];
  readonly cwd: string;
  /** Whether a collector is to be run. */
  readonly wanted: (id: CollectorId) => boolean;
  readonly onProblem: (level: 'error' | 'warning', text: string) => void;
  readonly signal: AbortSignal;
}

export interface CheckedInput {
  readonly collectors: CheckedCollector[];
  readonly failures: CheckFailure[];
}

/** Runs every wanted collector of one input once, the way a worker would, without a Redis and without a DataKit. */
export async function checkInput(
  definition: InputDefinition,
  options: CheckInputOptions,
): Promise<CheckedInput> {
  let lease: HostLease | undefined;
  let supply: InputSupply | undefined;
  try {
    const record = await recordOf(definition, options);
    supply = supplyOf(record, options);
    const input = await supply.open(record.key, record.number);
    lease = await options.hosts.acquire(input.spec, { signal: options.signal });
    const { host, catalogue } = lease;
    const failures = failuresOf(record, catalogue, options);
    const collectors: CheckedCollector[] = [];
    for (const found of catalogue.collectors) {
      const id = collectorId(record.key, found.dir, found.module, found.class);
      if (options.wanted(id))
        collectors.push(await checkCollector({ id, found, record, input, host }, options));
    }
    return { collectors, failures };
  } catch (error) {
    if (options.signal.aborted) throw error;
    return { collectors: [], failures: [wholeFailure(definition, error)] };
  } finally {
    lease?.release();
    supply?.close();
  }
}

async function recordOf(definition: InputDefinition, options: CheckInputOptions): Promise<InputRecord> {
  const { home, overlays, bundleLimits: limits } = options;
  const prepared = await prepareInput(definition, { home, overlays, limits });
  for (const problem of prepared.problems) {
    options.onProblem(problem.level, describeBundleProblem(definition, problem));
  }
  await options.store.put(prepared.digest, prepared.archive);
  const content = contentOf(definition, prepared);
  const { policy, isolation } = content;
  // what needs it becomes a resident in the fleet, and has it there
  const listen = policy.listen || isolation !== 'run';
  return { v: 1, number: 1, ...content, policy: { ...policy, listen } };
}

function supplyOf(
  record: InputRecord,
  { bundles, env, secretsDirs, host, confine, cwd }: CheckInputOptions,
): InputSupply {
  const records = { admit: async () => ({ record, seal: null }), check: () => undefined };
  return new InputSupply({ records, bundles, env, secretsDirs, host, confine, cwd });
}

function failuresOf(
  record: InputRecord,
  { failures }: Catalogue,
  { wanted }: CheckInputOptions,
): CheckFailure[] {
  return failures
    .filter(({ dir, module, class: name }) => wanted(collectorId(record.key, dir, module, name ?? '')))
    .map(({ module, class: name, type, message, traceback, hint }) => ({
      ...{ input: record.key, module, class: name, type, message, traceback, hint },
    }));
}

function wholeFailure({ key }: InputDefinition, error: unknown): CheckFailure {
  const type = codeOf(error) ?? (error instanceof Error ? error.name : 'Error');
  const message = error instanceof Error ? error.message : String(error);
  const traceback = error instanceof HostDiedError ? error.message : '';
  return { input: key, module: null, class: null, type, message, traceback, hint: null };
}

/** The stable name of what went wrong, where it has one: the same that a worker tells the fleet. */
function codeOf(error: unknown): string | null {
  if (error instanceof HostDiedError) return 'host-died';
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null;
}

interface Subject {
  readonly id: CollectorId;
  readonly found: Catalogue['collectors'][number];
  readonly record: InputRecord;
  readonly input: OpenInput;
  readonly host: HostLease['host'];
}

/** Beyond the time-out: nobody renews a lease here. */
const LEASE_MARGIN_MS = 60_000;

/** Said of a server in run(): the fleet runs it as a resident. */
function stillRunning(timeoutMs: number) {
  const message = `run() had reported and was still running after its time-out of ${timeoutMs / 1000} s: the fleet lets it go on, as a resident`;
  return { code: 'still-running', message };
}

async function checkCollector(subject: Subject, options: CheckInputOptions): Promise<CheckedCollector> {
  const { id, found, record, input, host } = subject;
  const everyMs = record.intervalMs ?? found.interval * 1000;
  const timeoutMs = record.timeoutMs ?? (found.timeout ? found.timeout * 1000 : defaultTimeoutMs(everyMs));
  const frames: Report[] = [];
  const startedMs = Date.now();
  const run = host.run({
    collector: found.key,
    timeoutMs,
    leaseMs: timeoutMs + LEASE_MARGIN_MS,
    signal: options.signal,
    onReport: (report) => frames.push(report),
  });
  const end = await run.result;
  const isolation = record.isolation === 'auto' ? (found.isolation ?? 'auto') : record.isolation;
  const goesOn = outcomeOf(end).kind === 'timed-out' && frames.length > 0 && isolation !== 'run';
  const outcome = goesOn ? 'succeeded' : (outcomeOf(end).kind as CheckedCollector['outcome']);
  const { reports, warnings } = checkedReports(frames, { input, startedMs, ownDatakit: options.ownDatakit });
  return {
    ...{ id, input: record.key, module: found.module, class: found.class, name: found.name },
    ...{ interval: everyMs / 1000, outcome, durationMs: Math.round(end.times.runMs * 1000) / 1000, reports },
    lastErrors: end.lastErrors.map(({ input: about, content }) => ({ input: about, err_content: content })),
    ...{ stdout: end.stdout, stderr: end.stderr, error: end.error },
    warnings: [
      ...found.warnings,
      ...input.warnings,
      ...end.warnings,
      ...warnings,
      ...(goesOn ? [stillRunning(timeoutMs)] : []),
    ],
    hint: outcome === 'succeeded' ? null : causeOf(end, defaultHostLimits),
  };
}
