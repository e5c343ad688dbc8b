import { type Discovery, discoverJobSchema } from '@pythond/jobs';
import type { JobContext, JobEnd, JobQueue } from '@pythond/queue';
import { type Catalogue, HostDiedError, type HostPool } from '@pythond/runner';
import type { InputSupply } from './input-supply.ts';

export interface DiscoverDeps {
  readonly worker: string;
  readonly inputs: InputSupply;
  readonly hosts: Pick<HostPool, 'acquire'>;
  readonly discovered: Pick<JobQueue<Discovery>, 'add'>;
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
    const { spec, warnings } = await deps.inputs.open(input, number);
    const lease = await deps.hosts.acquire(spec, { signal: context.signal });
    discovery = { ...answer, ...found(lease.catalogue), error: null };
    discovery.warnings.push(...warnings);
    lease.release();
  } catch (error) {
    if (context.signal.aborted) return { kind: 'back' };
    discovery = { ...answer, ...nothing(), error: errorOf(error) };
  }
  await deps.discovered.add(discovery, { id: `${context.id}-${Date.now()}` });
  return { kind: 'done' };
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
