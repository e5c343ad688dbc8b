import { z } from 'zod';

/** The keys that allow what the sandbox refuses. */
const remedyKeys = [
  ...(['read_paths', 'write_paths', 'network', 'unix_sockets', 'listen', 'subprocess'] as const),
  ...(['user', 'max_open_files', 'max_processes', 'memory', 'tmp_size'] as const),
];

/** Something that a run asked for and did not get, as its own process noticed it: a hint for people, never a fact. */
export const refusalSchema = z.object({
  /** What was asked for: `read`, `write`, `connect`, … */
  kind: z.string().max(64),
  path: z.string().max(4_096).nullish(),
  errno: z.union([z.string().max(32), z.number().int()]).nullish(),
  /** The key of the block that allows it; null when none does. */
  key: z.enum(remedyKeys).nullish().catch(null),
});
export type Refusal = z.infer<typeof refusalSchema>;

/** Folders too wide to be suggested whole. */
const WIDE =
  /^\/(?:|etc|root|home|home\/[^/]+|var|var\/lib|var\/run|run|opt|srv|mnt|media|dev|tmp|boot|data)$/;
const MOST = 3;

/** What was refused and what allows it, in sentences; empty when nothing was. */
export function refusalHints(refused: readonly Refusal[]): string[] {
  return [...new Set(refused.map(hintOf))].slice(0, MOST);
}

function hintOf({ kind, path, key }: Refusal): string {
  const remedy = key ? remedyOf(key, path ?? null) : null;
  const what = whatOf(kind, key ?? null, path ?? null);
  const how = remedy ? `; allow it with ${remedy} in this input's block` : '; no key of the block allows it';
  return `the sandbox refused ${what}${how}`;
}

function whatOf(kind: string, key: Refusal['key'], path: string | null): string {
  const about = path === null ? '' : ` ${path}`;
  switch (key) {
    case 'read_paths':
      return `reading${about || ' a file'}`;
    case 'write_paths':
      return `writing${about || ' a file'}`;
    case 'network':
      return `the network${about}`;
    case 'unix_sockets':
      return `a unix-domain socket${about}`;
    case 'listen':
      return 'accepting connections';
    case 'subprocess':
      return `starting another program${about}`;
    case 'max_open_files':
      return 'another open file';
    case 'max_processes':
      return 'another process or thread';
    case 'memory':
      return 'more memory';
    case 'tmp_size':
      return `a file of that size${about}`;
    default:
      return `${kind}${about}`;
  }
}

function remedyOf(key: NonNullable<Refusal['key']>, path: string | null): string {
  switch (key) {
    case 'read_paths':
    case 'write_paths':
      return `${key} = [${JSON.stringify(path === null ? '/…' : folderToAllow(path))}]`;
    case 'network':
    case 'unix_sockets':
    case 'listen':
    case 'subprocess':
      return `${key} = true`;
    case 'user':
      return 'user = "…", the one who may read it,';
    case 'max_open_files':
    case 'max_processes':
    case 'memory':
    case 'tmp_size':
      return `a larger ${key}`;
  }
}

/** What to allow for a file: its folder, where that is not half the machine. */
export function folderToAllow(path: string): string {
  const folder = path.slice(0, path.lastIndexOf('/'));
  return folder === '' || WIDE.test(folder) ? path : folder;
}
