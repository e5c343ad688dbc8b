import { systemCode } from './errors.ts';
import { ask, type Reply } from './resp.ts';

/** Who answers on a socket. `silent`: somebody holds it open and says nothing (or is going down). */
export type Probe =
  | { readonly state: 'absent' }
  | { readonly state: 'silent' }
  | { readonly state: 'refused'; readonly answer: string }
  | Serving;

/** A server that obeys our password; `dataDir` is the folder of its data, as it says. */
export interface Serving {
  readonly state: 'loading' | 'ready';
  readonly pid: number;
  readonly version: string;
  readonly dataDir: string;
}

const PROBE_TIMEOUT_MS = 2_000;

/** Nobody is there, by these: the file is missing, or no process listens on it. */
const ABSENT = ['ENOENT', 'ECONNREFUSED', 'ENOTDIR', 'ENOTSOCK'];

export async function probe(socketPath: string, password: string): Promise<Probe> {
  try {
    const commands = [['AUTH', password], ['INFO', 'server'], ['CONFIG', 'GET', 'dir'], ['PING']];
    const [login, info, dir, ping] = await ask(socketPath, commands, PROBE_TIMEOUT_MS);
    if (login?.kind === 'error') return { state: 'refused', answer: login.text };
    if (!info || !dir || !ping) return { state: 'silent' };
    const state = stateOf(ping);
    if (info.kind !== 'text' || dir.kind !== 'list' || state === null) {
      return { state: 'refused', answer: [info, dir, ping].map(errorOf).join('') };
    }
    const field = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info.text)?.[1] ?? '';
    const [, dataDir] = dir.items;
    return {
      state,
      pid: Number(field('process_id')),
      version: field('valkey_version') || field('redis_version'),
      dataDir: dataDir?.kind === 'text' ? dataDir.text : '',
    };
  } catch (error) {
    const code = systemCode(error);
    if (ABSENT.includes(code)) return { state: 'absent' };
    // It accepts nobody: stopped, or drowned in connections.
    if (code === 'EAGAIN') return { state: 'silent' };
    throw error;
  }
}

function stateOf(ping: Reply): 'ready' | 'loading' | null {
  if (ping.kind === 'text') return 'ready';
  return ping.kind === 'error' && ping.text.startsWith('LOADING') ? 'loading' : null;
}

function errorOf(reply: Reply): string {
  return reply.kind === 'error' ? reply.text : '';
}
