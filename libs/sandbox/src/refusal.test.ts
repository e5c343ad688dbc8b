import { describe, expect, it } from 'vitest';
import { type Refusal, refusalHints, refusalSchema } from './refusal.ts';

const hint = (refused: Partial<Refusal>) => refusalHints([{ kind: 'open', ...refused }])[0];

describe('what the sandbox refused', () => {
  it.each<[Partial<Refusal>, string]>([
    [
      { key: 'read_paths', path: '/var/log/syslog' },
      'reading /var/log/syslog; allow it with read_paths = ["/var/log"]',
    ],
    [
      { key: 'read_paths', path: '/etc/shadow' },
      'reading /etc/shadow; allow it with read_paths = ["/etc/shadow"]',
    ],
    [{ key: 'read_paths', path: '/x' }, 'reading /x; allow it with read_paths = ["/x"]'],
    [
      { key: 'write_paths', path: '/srv/out/a"b/c' },
      'writing /srv/out/a"b/c; allow it with write_paths = ["/srv/out/a\\"b"]',
    ],
    [{ key: 'network' }, 'the network; allow it with network = true'],
    [
      { key: 'unix_sockets', path: '/var/run/docker.sock' },
      'a unix-domain socket /var/run/docker.sock; allow it with unix_sockets = true',
    ],
    [{ key: 'listen' }, 'accepting connections; allow it with listen = true'],
    [{ key: 'subprocess' }, 'starting another program; allow it with subprocess = true'],
    [
      { key: 'max_open_files', kind: 'open-files' },
      'another open file; allow it with a larger max_open_files',
    ],
  ])('%j', (refused, text) => {
    expect(hint(refused)).toBe(`the sandbox refused ${text} in this input's block`);
  });

  it('may be what no key allows', () => {
    expect(hint({ kind: 'mount' })).toBe('the sandbox refused mount; no key of the block allows it');
  });

  it('is told once each, and not endlessly', () => {
    const read = (path: string): Refusal => ({ kind: 'read', key: 'read_paths', path });
    expect(refusalHints([read('/a/b'), read('/a/b')])).toHaveLength(1);
    expect(refusalHints(Array.from({ length: 50 }, (_, i) => read(`/a/${i}`)))).toHaveLength(3);
    expect(refusalHints([])).toEqual([]);
  });

  it('is read from an untrusted run: of a known form, of keys that exist', () => {
    expect(refusalSchema.parse({ kind: 'read', path: '/a', errno: 13, key: 'sandbox' })).toMatchObject({
      key: null,
    });
    expect(refusalSchema.safeParse({ kind: 'x'.repeat(65) }).success).toBe(false);
    expect(refusalSchema.safeParse({ kind: 'read', path: 'x'.repeat(5_000) }).success).toBe(false);
  });
});
