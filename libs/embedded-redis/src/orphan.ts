import { readFile, readlink } from 'node:fs/promises';
import { pause } from '@pythond/lifecycle';
import { execa } from 'execa';
import { EmbeddedRedisError } from './errors.ts';
import { probe, type Serving } from './probe.ts';
import type { RedisFolder, SocketFolder } from './redis-folder.ts';

const POLL_MS = 20;

export interface OrphanSearch {
  readonly folder: RedisFolder;
  readonly sockets: SocketFolder;
  readonly password: string;
  /** How long a server may take to go down: one that gets a signal when its parent dies does so now. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The server that a process of ours left behind on this folder when it died; null when there is none any more. To be
 * called by the owner of the folder's lock only: then whoever still serves it has lost its parent.
 *
 * @throws EmbeddedRedisError `redis-foreign` when a server holds the folder and can't be used
 */
export async function findOrphan(search: OrphanSearch): Promise<Serving | null> {
  const { folder, sockets, password } = search;
  const deadline = Date.now() + search.timeoutMs;
  for (;;) {
    search.signal?.throwIfAborted();
    const found = await probe(sockets.socketPath, password);
    if (found.state === 'refused') throw foreign(search, await readPid(folder), found.answer);
    if (found.state === 'ready' || found.state === 'loading') {
      if (found.dataDir === folder.dataDir) return found;
      throw foreign(search, found.pid, `its data is in ${found.dataDir}`);
    }
    // A server removes its socket before it ends, and two on one folder of data would ruin it.
    const pid = await readPid(folder);
    if (found.state === 'absent' && !(await servesFolder(pid, folder, sockets))) return null;
    if (Date.now() > deadline) throw foreign(search, pid, 'it neither answers nor ends');
    await pause(POLL_MS, search.signal);
  }
}

function foreign({ sockets }: OrphanSearch, pid: number | null, why: string): EmbeddedRedisError {
  const who = pid === null ? 'A Redis' : `The Redis with pid ${pid}`;
  const end = pid === null ? 'End that server' : `End it (kill ${pid})`;
  return new EmbeddedRedisError(
    'redis-foreign',
    `${who} serves ${sockets.socketPath} and can't be used (${why}). ${end}, or choose another folder.`,
  );
}

async function readPid({ pidFile }: RedisFolder): Promise<number | null> {
  const pid = Number.parseInt(await readFile(pidFile, 'utf8').catch(() => ''), 10);
  return Number.isSafeInteger(pid) && pid > 1 ? pid : null;
}

/** Whether that process is a server of this folder, and not one that got the same number later. */
async function servesFolder(
  pid: number | null,
  { dataDir }: RedisFolder,
  { socketPath }: SocketFolder,
): Promise<boolean> {
  if (pid === null) return false;
  if (process.platform === 'linux') {
    // It works in the folder of its data. A zombie works nowhere.
    return (await readlink(`/proc/${pid}/cwd`).catch(() => '')) === dataDir;
  }
  const ps = await execa('ps', ['-o', 'command=', '-p', String(pid)], { reject: false, stdin: 'ignore' });
  return ps.stdout.includes(socketPath);
}
