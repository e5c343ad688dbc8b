import type { Identity } from './identity.ts';

/** The users and groups of a machine. */
export interface Accounts {
  /** Whom a name or a number means; null when there is no such user. A number needs no account. */
  identity(user: string): Identity | null;
  /** Every uid and gid that an account has. */
  readonly taken: ReadonlySet<number>;
}

/** Reads the text of `/etc/passwd` (passwd(5)) and `/etc/group` (group(5)). */
export function accountsOf(passwd: string, group: string): Accounts {
  const users = lines(passwd).flatMap(([name, , uid, gid]) => user(name, Number(uid), Number(gid)));
  const groups = lines(group)
    .map(([, , gid, members = '']) => ({ gid: Number(gid || NaN), members: members.split(',') }))
    .filter(({ gid }) => Number.isInteger(gid));
  const groupsOf = (name: string) =>
    groups.filter(({ members }) => members.includes(name)).map(({ gid }) => gid);
  return {
    identity: (wanted) => {
      if (wanted === 'root' || wanted === '0') return { uid: 0, gid: 0, groups: [] };
      const found = users.find(({ name, uid }) => name === wanted || String(uid) === wanted);
      if (found) return { uid: found.uid, gid: found.gid, groups: groupsOf(found.name) };
      return /^\d+$/.test(wanted) ? { uid: Number(wanted), gid: Number(wanted), groups: [] } : null;
    },
    taken: new Set([...users.flatMap(({ uid, gid }) => [uid, gid]), ...groups.map(({ gid }) => gid)]),
  };
}

function user(name: string | undefined, uid: number, gid: number) {
  return name && Number.isInteger(uid) && Number.isInteger(gid) ? [{ name, uid, gid }] : [];
}

function lines(text: string): string[][] {
  return text.split('\n').map((line) => line.split(':'));
}
