import { type Identity, readableTo, type WayTo } from './identity.ts';
import { defaultPolicy, type Policy } from './policy.ts';
import { programPaths, systemReadPaths } from './system-paths.ts';

export type SandboxLevel = Policy['sandbox'];

/** Above what any single process may reserve. Far above a run's memory: a JVM, Go or Node reserves what it never uses. */
const ADDRESS_SPACE_BYTES = 8 * 1024 ** 3;
const MAX_FILE_BYTES = 256 * 1024 ** 2;

/** What the kernel, and where it can't the worker, holds a run to. Sizes are bytes, times milliseconds. */
export interface ConfinementLimits {
  readonly addressSpaceBytes: number;
  /** Of one file. */
  readonly fileBytes: number;
  readonly openFiles: number;
  readonly processes: number;
  /** null: its time-out alone bounds it. */
  readonly cpuMs: number | null;
  /** The private temporary folder, as the worker measures it. */
  readonly tmpBytes: number;
  /** All processes of a run together, as the worker measures it. */
  readonly memoryBytes: number;
}

/**
 * What one host is told about its rights: the `policy` of the `setup` frame. The host decides nothing; it adds only
 * what it alone knows, the private temporary folders.
 */
export interface Confinement {
  readonly level: SandboxLevel;
  /** Whom to become; null: stay who the worker is, and give up every capability. */
  readonly uid: number | null;
  readonly gid: number | null;
  readonly groups: readonly number[];
  /** Whether others have that uid too: then what belongs to it is protected as if it were somebody else's. */
  readonly sharedUid: boolean;
  readonly readPaths: readonly string[];
  readonly writePaths: readonly string[];
  readonly network: boolean;
  readonly unixSockets: boolean;
  readonly listen: boolean;
  readonly subprocess: boolean;
  readonly limits: ConfinementLimits;
}

/** What there is around a host, looked up by whoever can look. */
export interface Surroundings {
  /** What this worker can give, whatever the block asks for. */
  readonly level: SandboxLevel;
  /** Whether the worker may become somebody else. */
  readonly mayDropUid: boolean;
  /** Whom the block's `user` names, or one of the input's own. */
  readonly identity: Identity;
  readonly interpreter: {
    readonly executable: string;
    readonly prefix: string;
    readonly basePrefix: string;
    /** Where it looks for modules and shared libraries, in this input's environment. */
    readonly folders: readonly string[];
  };
  readonly bundleRoot: string;
  /** The folder of `datakit_framework.py`. */
  readonly corePath: string;
  /** The ways to everything that the host opens after it has become somebody else. */
  readonly ways: readonly WayTo[];
}

/** What a run of an input may do here: its block's policy, within what this worker and its interpreter allow. */
export function confinementOf(policy: Policy, surroundings: Surroundings): Confinement {
  if (surroundings.level === 'none' || policy.sandbox === 'none') return unconfined(policy);
  return {
    ...unconfined(policy),
    level: 'strict',
    ...ownerOf(policy, surroundings),
    readPaths: readPathsOf(policy, surroundings),
  };
}

/** All rights of the worker; what the worker itself measures is limited all the same. */
export function unconfined(policy: Policy = defaultPolicy): Confinement {
  const { writePaths, network, unixSockets, listen, subprocess } = policy;
  return {
    level: 'none',
    ...stay,
    readPaths: [],
    ...{ writePaths, network, unixSockets, listen, subprocess },
    limits: {
      addressSpaceBytes: Math.max(ADDRESS_SPACE_BYTES, policy.memoryBytes),
      fileBytes: Math.max(MAX_FILE_BYTES, policy.tmpBytes),
      openFiles: policy.maxOpenFiles,
      processes: policy.maxProcesses,
      cpuMs: policy.cpuMs,
      tmpBytes: policy.tmpBytes,
      memoryBytes: policy.memoryBytes,
    },
  };
}

const stay = { uid: null, gid: null, groups: [], sharedUid: false };

/**
 * A uid of its own, when the worker can give one and the interpreter, its libraries and the bundle stay readable to it.
 * Where they do not (an interpreter below /root, say), the host stays uid 0 without a single capability; that held
 * against the same attacks.
 */
function ownerOf(
  policy: Policy,
  { mayDropUid, identity, ways }: Surroundings,
): Pick<Confinement, 'uid' | 'gid' | 'groups' | 'sharedUid'> {
  if (!mayDropUid || identity.uid === 0) return stay;
  const { uid, gid, groups } = identity;
  const asked = policy.user !== null; // then the host may fail and say so, rather than run as somebody else
  const fits = asked || ways.every((way) => readableTo(identity, way));
  return fits ? { uid, gid, groups, sharedUid: asked } : stay;
}

function readPathsOf(policy: Policy, { interpreter, bundleRoot, corePath }: Surroundings): string[] {
  const { executable, prefix, basePrefix, folders } = interpreter;
  const own = [executable, prefix, basePrefix, ...folders, bundleRoot, corePath];
  const all = [...systemReadPaths, ...programPaths, ...own, ...policy.readPaths, ...policy.writePaths];
  return withoutNested(all.filter((path) => path.startsWith('/') && path !== '/'));
}

/** A path below another of the list adds nothing. */
function withoutNested(paths: readonly string[]): string[] {
  const distinct = [...new Set(paths.map((path) => path.replace(/(.)\/+$/, '$1')))];
  const known = new Set(distinct);
  return distinct.filter((path) => !parentsOf(path).some((parent) => known.has(parent)));
}

function parentsOf(path: string): string[] {
  const parts = path.split('/').slice(1, -1);
  return parts.map((_, index) => `/${parts.slice(0, index + 1).join('/')}`);
}
