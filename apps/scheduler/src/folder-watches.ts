import { type FSWatcher, watch } from 'node:fs';
import { readdir, stat, statfs } from 'node:fs/promises';
import path from 'node:path';
import { isSkipped } from '@pythond/bundles';

export interface FolderWatchesOptions {
  readonly home: string;
  /** `file` is where; the folder alone where the system does not say more. */
  readonly onEvent: (file: string) => void;
  readonly onTrouble: (message: string) => void;
}

/** What is watched of the home itself, where logs and data may lie, too. */
const OF_HOME: ReadonlySet<string> = new Set(['conf.d', 'python.d', 'pythond.toml']);
const MAX_FOLDERS = 4_096;
const MAX_DEPTH = 20;

/** File systems on which another machine changes files without this one being told: statfs(2), `f_type`. */
const REMOTE: ReadonlySet<number> = new Set([
  0x6969, // NFS
  0x517b, // SMB
  0xff534d42, // CIFS
  0xfe534d42, // SMB2
  0x65735546, // FUSE, virtiofs, sshfs
  0x01021997, // 9p
  0x786f4256, // VirtualBox's shared folders
  0x00c36400, // Ceph
  0x5346414f, // AFS
]);

interface Watched {
  readonly watcher: FSWatcher;
  /** Which folder it is: another one may have taken its place. */
  readonly id: string;
}

/**
 * One watch a folder, for all folders below `conf.d`, `python.d` and some others; {@link cover} makes them those that
 * are there now. Watches of single folders, not recursive ones: those lose files of folders that are just being made,
 * and a folder that is renamed into another's place.
 */
export class FolderWatches {
  readonly #options: FolderWatchesOptions;
  readonly #watched = new Map<string, Watched>();
  /** What of a folder is of interest; null: all. */
  #wanted = new Map<string, ReadonlySet<string> | null>();
  #isDeaf = false;
  #stopped = false;

  constructor(options: FolderWatchesOptions) {
    this.#options = options;
  }

  /** Whether changes may go untold, so that looking has to make up for it. */
  get isDeaf(): boolean {
    return this.#isDeaf;
  }

  async cover(others: readonly string[]): Promise<void> {
    const { home } = this.#options;
    const before = this.#wanted;
    this.#wanted = new Map([[home, OF_HOME]]);
    await this.#ensure(home);
    for (const root of [path.join(home, 'conf.d'), path.join(home, 'python.d'), ...others]) {
      await this.#deep(root);
    }
    for (const folder of before.keys()) if (!this.#wanted.has(folder)) this.#close(folder);
  }

  stop(): void {
    this.#stopped = true;
    for (const folder of [...this.#watched.keys()]) this.#close(folder);
  }

  /** A folder is watched before it is listed, so that nothing can appear in between. */
  async #deep(root: string): Promise<void> {
    if (await this.#isRemote(root)) this.#deafen(null);
    const todo = [{ folder: root, depth: 0 }];
    for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
      const { folder, depth } = next;
      if (this.#wanted.get(folder) === null || depth > MAX_DEPTH) continue;
      if (this.#wanted.size >= MAX_FOLDERS) {
        this.#deafen(`more than ${MAX_FOLDERS} folders are too many to be watched`);
        return;
      }
      this.#wanted.set(folder, null);
      if (!(await this.#ensure(folder))) continue;
      for (const name of await foldersIn(folder))
        todo.push({ folder: path.join(folder, name), depth: depth + 1 });
    }
  }

  /** Watches a folder, or the folder of a file; gives whether it is a folder. */
  async #ensure(place: string): Promise<boolean> {
    const stats = await stat(place, { bigint: true }).catch(() => null);
    if (stats && !stats.isDirectory()) {
      this.#wanted.delete(place);
      await this.#ensureFile(place);
      return false;
    }
    const known = this.#watched.get(place);
    const id = stats ? `${stats.dev}:${stats.ino}` : '';
    if (stats && known?.id === id) return true;
    this.#close(place);
    if (stats && !this.#stopped) this.#watch(place, id);
    return stats !== null;
  }

  async #ensureFile(file: string): Promise<void> {
    const folder = path.dirname(file);
    const names = this.#wanted.get(folder);
    if (names === null) return;
    this.#wanted.set(folder, new Set([...(names ?? []), path.basename(file)]));
    await this.#ensure(folder);
  }

  #watch(folder: string, id: string): void {
    try {
      const watcher = watch(folder, { persistent: false });
      this.#watched.set(folder, { watcher, id });
      watcher.on('change', (_, name) => this.#event(folder, name === null ? null : String(name)));
      watcher.on('error', () => {
        this.#close(folder);
        this.#options.onEvent(folder);
      });
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
      if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EACCES') return;
      this.#deafen(`the system gives no more watches (${code})`);
    }
  }

  #event(folder: string, name: string | null): void {
    const names = this.#wanted.get(folder);
    if (names === undefined) return;
    if (name !== null && (names === null ? isEditors(name) : !names.has(name))) return;
    this.#options.onEvent(name === null ? folder : path.join(folder, name));
  }

  #close(folder: string): void {
    this.#watched.get(folder)?.watcher.close();
    this.#watched.delete(folder);
  }

  #deafen(message: string | null): void {
    if (!this.#isDeaf && message !== null) this.#options.onTrouble(message);
    this.#isDeaf = true;
  }

  async #isRemote(folder: string): Promise<boolean> {
    if (process.platform !== 'linux') return false;
    return statfs(folder).then(
      ({ type }) => REMOTE.has(type),
      () => false,
    );
  }
}

/** Kubernetes swaps a link `..data` to change all files of a volume at once: that name is no editor's. */
function isEditors(name: string): boolean {
  return isSkipped(name) && !name.startsWith('..');
}

async function foldersIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory() && !isSkipped(entry.name)).map(({ name }) => name);
}
