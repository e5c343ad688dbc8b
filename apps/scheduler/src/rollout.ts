import {
  type BundleLimits,
  type BundleProblem,
  collectBundle,
  defaultBundleLimits,
  packBundle,
} from '@pythond/bundles';
import { formatInputProblem } from '@pythond/config';
import type { BundleDigest, DiscoverJob, InputDefinition, ModuleRef } from '@pythond/jobs';
import type { JobQueue } from '@pythond/queue';
import type { BundleArchive, InputContent, Inputs } from '@pythond/registry';

export interface RolloutDeps {
  readonly home: string;
  readonly limits: Partial<BundleLimits>;
  readonly inputs: Pick<Inputs, 'put'>;
  readonly bundles: Pick<BundleArchive, 'put' | 'has'>;
  /** The discover queue of a pool. */
  readonly discover: (pool: string) => JobQueue<DiscoverJob>;
}

export interface RolloutResult {
  readonly number: number;
  readonly changed: boolean;
  readonly problems: readonly BundleProblem[];
}

/**
 * Brings one input from disk into Redis: its files as a bundle, its block as a record, with a new number when
 * anything changed, and a discover job for a worker. An unchanged one is discovered again too: what failed to import
 * last time may work now.
 *
 * @throws BundleError when the files can't be packed (too large, unreadable); nothing was written then
 */
export async function rollOut(definition: InputDefinition, deps: RolloutDeps): Promise<RolloutResult> {
  const { inputs, bundles, discover } = deps;
  const prepared = await prepareInput(definition, deps);
  const { digest, archive, problems } = prepared;
  if (!(await bundles.has(digest))) await bundles.put(digest, archive);
  const { number, changed } = await inputs.put(contentOf(definition, prepared));
  await discover(definition.pool).add(
    { input: definition.key, number },
    { id: discoverId(definition.key, number), attempts: DISCOVER_ATTEMPTS },
  );
  return { number, changed, problems };
}

export interface PreparedInput {
  readonly digest: BundleDigest;
  readonly archive: Buffer;
  readonly modules: readonly ModuleRef[];
  readonly roots: readonly string[];
  readonly problems: readonly BundleProblem[];
}

/** An input's files, collected and packed. */
export async function prepareInput(
  { dirs, files }: InputDefinition,
  { home, limits }: { readonly home: string; readonly limits: Partial<BundleLimits> },
): Promise<PreparedInput> {
  const collected = await collectBundle({ home, dirs, files, limits: { ...defaultBundleLimits, ...limits } });
  const { digest, archive } = await packBundle(collected.entries);
  const { modules, roots, problems } = collected;
  return { digest, archive, modules, roots, problems };
}

/** What is wrong with an input's files, and with which block's: a line for people. */
export function describeBundleProblem(
  definition: Pick<InputDefinition, 'name' | 'source'>,
  { level, message, hint }: BundleProblem,
): string {
  return formatInputProblem(definition, { level, message: `${message}. ${hint}` });
}

/** How often a discovery is tried when the worker that has it dies. */
const DISCOVER_ATTEMPTS = 3;

function discoverId(input: string, number: number): string {
  return `${Buffer.from(input).toString('base64url')}-${number}`;
}

/** What workers are told of an input. */
export function contentOf(
  definition: InputDefinition,
  { digest, modules, roots }: Pick<PreparedInput, 'digest' | 'modules' | 'roots'>,
): InputContent {
  return {
    key: definition.key,
    name: definition.name,
    cmd: definition.cmd,
    envs: definition.envs ? [...definition.envs] : null,
    bundle: digest,
    modules: [...modules],
    roots: [...roots],
    tags: { ...definition.tags },
    isolation: definition.isolation ?? 'auto',
    state: definition.state,
    pool: definition.pool,
    datakit: definition.datakit,
    destinations: definition.destinations ? [...definition.destinations] : null,
    integers: definition.integers,
    policy: definition.policy,
    intervalMs: definition.intervalMs,
    timeoutMs: definition.timeoutMs,
    align: definition.align,
    paused: definition.paused,
    scope: definition.scope,
  };
}
