/** Whom a host becomes. */
export interface Identity {
  readonly uid: number;
  readonly gid: number;
  /** Besides `gid`. */
  readonly groups: readonly number[];
}

/** One step on the way to a file: its owner and mode bits. */
export interface Step {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
  readonly folder: boolean;
}

/** Every step from `/` to a path, links followed. Empty for what does not exist. */
export type WayTo = readonly Step[];

const READ = 4;
const SEARCH = 1;

/** Whether somebody without capabilities gets through to the end of a way and can read what is there (path_resolution(7)). */
export function readableTo(identity: Identity, way: WayTo): boolean {
  return way.every((step, index) => {
    const last = index === way.length - 1;
    const wanted = (last ? READ : 0) | (step.folder ? SEARCH : 0);
    return (bitsFor(identity, step) & wanted) === wanted;
  });
}

function bitsFor({ uid, gid, groups }: Identity, step: Step): number {
  if (step.uid === uid) return (step.mode >> 6) & 7;
  if (step.gid === gid || groups.includes(step.gid)) return (step.mode >> 3) & 7;
  return step.mode & 7;
}

/** The range that systemd keeps for users who exist only while a service runs: no package and no `useradd` takes from it. */
const FIRST_OWN_UID = 61_184;
const OWN_UIDS = 4_096;

/**
 * A uid of an input's own: the same on every worker and at every start, so that what it wrote into `write_paths` stays
 * its own; never one that an account of the machine has. Two inputs may share one, by chance: they stay apart all the
 * same, by their Landlock domains.
 */
export function ownIdentity(input: string, taken: ReadonlySet<number>): Identity {
  const start = hash(input) % OWN_UIDS;
  for (let step = 0; step < OWN_UIDS; step++) {
    const uid = FIRST_OWN_UID + ((start + step) % OWN_UIDS);
    if (!taken.has(uid)) return { uid, gid: uid, groups: [] };
  }
  return { uid: FIRST_OWN_UID + start, gid: FIRST_OWN_UID + start, groups: [] };
}

/** FNV-1a, 32 bits: spread evenly is all that is asked of it. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) value = Math.imul(value ^ byte, 0x01000193) >>> 0;
  return value;
}
