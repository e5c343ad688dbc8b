import { accessSync, constants, type Stats, statSync } from 'node:fs';
import { delimiter, isAbsolute, join, resolve } from 'node:path';

export interface FoundFile {
  readonly path: string;
  readonly stats: Stats;
}

export type Found =
  | ({ readonly kind: 'file' } & FoundFile)
  | { readonly kind: 'missing' }
  | { readonly kind: 'not-executable'; readonly path: string; readonly why: string };

/**
 * Finds a command as a shell would: a name on `path`, anything with a slash relative to `cwd`. Empty and relative
 * entries of `path` are passed over: they would mean whatever folder the worker happens to stand in.
 */
export function findCommand(cmd: string, path: string, cwd: string): Found {
  if (cmd.includes('/')) return look(resolve(cwd, cmd));
  let refused: Found = { kind: 'missing' };
  for (const folder of path.split(delimiter)) {
    if (!isAbsolute(folder)) continue;
    const found = look(join(folder, cmd));
    if (found.kind === 'file') return found;
    if (found.kind === 'not-executable') refused = found;
  }
  return refused;
}

function look(path: string): Found {
  let stats: Stats;
  try {
    stats = statSync(path);
  } catch {
    return { kind: 'missing' };
  }
  if (!stats.isFile()) {
    return { kind: 'not-executable', path, why: stats.isDirectory() ? 'a folder' : 'not a plain file' };
  }
  try {
    accessSync(path, constants.X_OK);
  } catch {
    return { kind: 'not-executable', path, why: 'not executable for this user' };
  }
  return { kind: 'file', path, stats };
}
