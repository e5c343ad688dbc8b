import { existsSync } from 'node:fs';
import path from 'node:path';
import type { InputDefinition } from '@pythond/jobs';
import type { ScriptFact } from '@pythond/runner';
import { folderToAllow, programPaths, systemReadPaths } from '@pythond/sandbox';
import { type NeededKey, tomlOf } from './finding.ts';
import type { Verdict } from './judge-facts.ts';

/** Where things are that a script may read without a key. */
export interface Places {
  readonly home: string;
  /** What messages call the interpreter: its `cmd`. */
  readonly python: string;
  /** Folders and files on the disk that are in the bundle, and those of the interpreter. */
  readonly readable: readonly string[];
}

type Mode = NonNullable<ScriptFact['mode']>;

const VERBS: Readonly<Record<Mode, string>> = { read: 'reads', write: 'writes', import: 'imports from' };

/** A path that a script opens: whether the sandbox lets it, and the key that does. */
export function pathVerdict(
  { what, mode = 'read', own = false }: ScriptFact,
  { policy }: InputDefinition,
  places: Places,
): Verdict | null {
  const written = what ?? '';
  if (written.startsWith('~')) return ofSomebody(written);
  if (!written.startsWith('/')) return relative(written, mode);
  const file = path.normalize(beforeWildcard(written));
  if (own) return beside(file, mode, places);
  if (policy.sandbox === 'none') return null;
  const allowed =
    mode === 'write'
      ? [...policy.writePaths, '/dev/null']
      : [...policy.readPaths, ...policy.writePaths, ...places.readable, ...systemReadPaths, ...programPaths];
  if (allowed.some((folder) => isWithin(file, path.normalize(folder)))) return null;
  const isThere = existsSync(file);
  const absent = mode !== 'write' && !isThere ? ', which is not on this machine' : '';
  const key = keyFor(file, mode, isThere);
  return {
    level: absent === '' ? 'error' : 'warning',
    message: `${VERBS[mode]} ${written}${absent}; the sandbox refuses that`,
    remedy: remedyFor(key, file, mode, places.home),
    key,
  };
}

/** Made of `__file__`: a path within the bundle on a worker, where nothing can be written. */
function beside(file: string, mode: Mode, { home, readable }: Places): Verdict | null {
  const shown = isWithin(file, home) ? path.relative(home, file) : file;
  if (mode === 'write') {
    return {
      level: 'error',
      message: `writes ${shown}, beside the scripts: on workers nothing can be written there`,
      remedy: 'keep it on self, which is carried from run to run, or write to a folder of write_paths',
    };
  }
  if (readable.some((folder) => isWithin(file, folder))) return null;
  return {
    level: 'error',
    message: `${VERBS[mode]} ${shown}, which is in no folder of dirs: workers do not get it`,
    remedy: 'put it into a folder of dirs, or add its folder to dirs',
  };
}

function keyFor(file: string, mode: Mode, isThere: boolean): NeededKey {
  const isFolder = mode === 'import' || (isThere && path.extname(file) === '');
  return {
    name: mode === 'write' ? 'write_paths' : 'read_paths',
    value: [isFolder ? file : folderToAllow(file)],
  };
}

function remedyFor(key: NeededKey, file: string, mode: Mode, home: string): string {
  if (mode === 'write')
    return isWithin(file, '/tmp') ? `write below tempfile.gettempdir(), or ${tomlOf(key)}` : tomlOf(key);
  const shipped = isWithin(file, home) ? ', or put it beside the script, which ships it' : '';
  return `${tomlOf(key)}, on every worker${shipped}`;
}

function ofSomebody(written: string): Verdict {
  return {
    level: 'warning',
    message: `opens ${written}: the home of whom it runs as, on whatever worker`,
    remedy: 'write the whole path, name it in read_paths, and in user who may read it',
  };
}

function relative(written: string, mode: Mode): Verdict {
  const from = 'which counts from the temporary folder of the run';
  if (mode === 'write') {
    const message = `writes ${written}, ${from}: it is gone after the run`;
    return { level: 'warning', message, remedy: 'keep it on self, or write to a folder of write_paths' };
  }
  return {
    level: 'warning',
    message: `opens ${written}, ${from}`,
    remedy: `write os.path.join(os.path.dirname(__file__), ${JSON.stringify(path.basename(written))}) and put it beside the script`,
  };
}

function beforeWildcard(pattern: string): string {
  const at = pattern.search(/[*?[]/);
  return at < 0 ? pattern : path.dirname(`${pattern.slice(0, at)}x`);
}

function isWithin(file: string, folder: string): boolean {
  return file === folder || file.startsWith(folder.endsWith('/') ? folder : `${folder}/`);
}
