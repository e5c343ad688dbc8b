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
import type { BundleArchive, InputContent, Inputs, PutResult } from '@pythond/registry';
import { modulesLost } from './modules-lost.ts';

export interface RolloutDeps {
  readonly home: string;
  /** Homes of git repos, which come before the own one. */
  readonly overlays: readonly string[];
  readonly limits: Partial<BundleLimits>;
  readonly inputs: Pick<Inputs, 'put' | 'get' | 'inForce'>;
  readonly bundles: Pick<BundleArchive, 'put' | 'has'>;
  /** The commit that a block's file came from. */
  readonly commitOf: (file: string) => string | null;
  /** The highest number that the input is known to have had; 0: none. */
  readonly above: number;
  /** Whether one that did not change is discovered all the same: what failed to import may work now. */
  readonly discoverUnchanged: boolean;
  /** The discover queue of a pool. */
  readonly discover: (pool: string) => JobQueue<DiscoverJob>;
}

export interface RolloutResult {
  /** null: nothing was put, since files of the version in force can't be read now. */
  readonly put: PutResult | null;
  readonly problems: readonly BundleProblem[];
}

/**
 * Brings one input from disk into Redis: its files as a bundle, its block as a record, with a new number when
 * anything changed, and a discover job for a worker.
 *
 * @throws BundleError when the files can't be packed (too large, unreadable); nothing was written then
 */
export async function rollOut(definition: InputDefinition, deps: RolloutDeps): Promise<RolloutResult> {
  const { inputs, bundles } = deps;
  const { key, source } = definition;
  const prepared = await prepareInput(definition, deps);
  const { digest, archive, problems } = prepared;
  const inForce = await inputs.inForce(key);
  const running = inForce === null ? null : await inputs.get(key, inForce);
  if (running && modulesLost(running.modules, prepared).length > 0) return { put: null, problems };
  if (!(await bundles.has(digest))) await bundles.put(digest, archive);
  const origin = { file: source.file, commit: deps.commitOf(source.file) };
  const put = await inputs.put(contentOf(definition, prepared), origin, deps.above);
  if (put.changed || deps.discoverUnchanged) {
    await discoverOnce({ key, number: put.number, pool: definition.pool }, deps.discover);
  }
  return { put, problems };
}

interface VersionRef {
  readonly key: string;
  readonly number: number;
  readonly pool: string;
}

/** Has a worker import a version. Schedulers that ask for the same ask once. */
async function discoverOnce(version: VersionRef, discover: RolloutDeps['discover']): Promise<void> {
  await askToDiscover(version, discoverId(version.key, version.number), discover);
}

/** Has a worker import a version once more, whatever became of the last time. */
export async function discoverAgain(
  version: VersionRef,
  discover: RolloutDeps['discover'],
  nowMs: number,
): Promise<void> {
  await askToDiscover(version, `${discoverId(version.key, version.number)}-${nowMs}`, discover);
}

async function askToDiscover(
  { key, number, pool }: VersionRef,
  id: string,
  discover: RolloutDeps['discover'],
): Promise<void> {
  await discover(pool).add({ input: key, number }, { id, attempts: DISCOVER_ATTEMPTS });
}

export interface PreparedInput {
  readonly digest: BundleDigest;
  readonly archive: Buffer;
  readonly modules: readonly ModuleRef[];
  readonly roots: readonly string[];
  readonly problems: readonly BundleProblem[];
}

export interface PlaceOfInputs {
  readonly home: string;
  readonly overlays?: readonly string[];
  readonly limits: Partial<BundleLimits>;
}

/** An input's files, collected and packed. */
export async function prepareInput(
  { dirs, files }: InputDefinition,
  { home, overlays = [], limits }: PlaceOfInputs,
): Promise<PreparedInput> {
  const all = { ...defaultBundleLimits, ...limits };
  const collected = await collectBundle({ home, overlays, dirs, files, limits: all });
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
