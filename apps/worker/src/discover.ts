import {
  type DiscoverJob,
  type Discovery,
  discoverJobSchema,
  type InputRecord,
  NewerRecordError,
} from '@pythond/jobs';
import type { JobContext, JobEnd, JobQueue } from '@pythond/queue';
import type { Inputs } from '@pythond/registry';
import { type Catalogue, HostDiedError, type HostPool, InterpreterError } from '@pythond/runner';
import { leavingOf } from './auto-isolation.ts';
import type { HandOver } from './hand-over.ts';
import type { InputSupply } from './input-supply.ts';
import { leftForNewer } from './left-for-newer.ts';

export interface DiscoverDeps {
  readonly worker: string;
  readonly inputs: InputSupply;
  readonly registry: Pick<Inputs, 'residentReason' | 'decideResident'>;
  readonly hosts: Pick<HostPool, 'acquire'>;
  readonly discovered: Pick<JobQueue<Discovery>, 'add'>;
  /** It is left for a worker that can read it. */
  readonly onLeft: (message: string) => void;
  readonly pool: string;
  /** null: what is taken here was handed over, and is not handed on. */
  readonly handOver: DiscoverHandOver | null;
}

/** Where discoveries go that are for workers on which their `cmd` starts. */
export interface DiscoverHandOver extends Pick<HandOver, 'judge'> {
  readonly put: (pool: string, cmd: string, job: string, data: DiscoverJob) => Promise<void>;
}

/**
 * Imports an input's modules in a host like any run's, and tells the scheduler what is in them. What can't be
 * imported is part of the answer; only the worker's own stopping sends the job back.
 */
export async function discover(data: unknown, context: JobContext, deps: DiscoverDeps): Promise<JobEnd> {
  const { input, number } = discoverJobSchema.parse(data);
  const answer = { input, number, worker: deps.worker };
  let discovery: Discovery;
  try {
    const { catalogue, warnings } = await importOf(input, number, context.signal, deps);
    discovery = { ...answer, ...found(catalogue), error: null };
    discovery.warnings.push(...warnings);
  } catch (error) {
    if (context.signal.aborted) return { kind: 'back' };
    if (error instanceof NewerRecordError) {
      deps.onLeft(error.message);
      return leftForNewer();
    }
    const cause = await judge({ input, number }, error, context, deps);
    if (context.signal.aborted) return { kind: 'back' };
    if (cause === 'handed-over') return { kind: 'done', value: cause };
    discovery = { ...answer, ...nothing(), error: errorOf(cause) };
  }
  await deps.discovered.add(discovery, { id: `${context.id}-${Date.now()}` });
  return { kind: 'done' };
}

/** Hands a discovery over to a worker on which its `cmd` starts; else gives what is to be told. */
async function judge(
  { input, number }: DiscoverJob,
  error: unknown,
  { id, signal }: JobContext,
  { inputs, pool, handOver }: DiscoverDeps,
): Promise<unknown> {
  if (!(error instanceof InterpreterError) || !handOver) return error;
  const cmd = await inputs.cmdOf(input, number);
  if (cmd === null) return error;
  const cause = await handOver.judge(pool, cmd, error, signal);
  if (cause !== true || signal.aborted) return cause;
  await handOver.put(pool, cmd, id, { input, number });
  return 'handed-over';
}

/**
 * Imports under the rights of a resident what is one, or turns out to have to be one: then once more, since a constructor
 * that may not listen builds nothing. Its host goes at once, and with it the port or the connection that it opened.
 */
async function importOf(input: string, number: number, signal: AbortSignal, deps: DiscoverDeps) {
  const { inputs, hosts, registry } = deps;
  const { record, spec, warnings } = await inputs.open(input, number, 'runs', 'discover');
  const { isolation } = record;
  const isResident = isolation === 'resident' || (await isDecided(record, registry));
  if (!isResident) {
    const lease = await hosts.acquire(spec, { signal });
    const { catalogue } = lease;
    const leaving = isolation === 'auto' ? leavingOf(catalogue) : null;
    if (leaving) lease.retire();
    const { host } = lease;
    lease.release();
    if (!leaving) return { catalogue, warnings };
    await registry.decideResident(record, leaving);
    await host.closed;
  }
  const resident = await inputs.open(input, number, 'resident', 'discover');
  const lease = await hosts.acquire(resident.spec, { signal });
  lease.retire();
  lease.release();
  await lease.host.closed;
  return { catalogue: lease.catalogue, warnings };
}

async function isDecided(record: InputRecord, registry: DiscoverDeps['registry']): Promise<boolean> {
  return record.isolation === 'auto' && (await registry.residentReason(record)) !== null;
}

function found({ python, collectors, failures, warnings }: Catalogue) {
  return {
    python: { version: python.version, executable: python.executable },
    collectors,
    failures,
    warnings: [...warnings],
  };
}

function nothing() {
  return { python: null, collectors: [], failures: [], warnings: [] };
}

function errorOf(error: unknown): NonNullable<Discovery['error']> {
  if (error instanceof HostDiedError) return { code: 'host-died', message: error.message };
  if (!(error instanceof Error)) return { code: 'unknown', message: String(error) };
  const code = 'code' in error && typeof error.code === 'string' ? error.code : 'unknown';
  return { code, message: error.message };
}
