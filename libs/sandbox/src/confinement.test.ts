import { describe, expect, it } from 'vitest';
import { confinementOf, type Surroundings, unconfined } from './confinement.ts';
import type { Step } from './identity.ts';
import { defaultPolicy } from './policy.ts';
import { systemReadPaths } from './system-paths.ts';

const forAll: Step = { uid: 0, gid: 0, mode: 0o755, folder: true };
const forRoot: Step = { ...forAll, mode: 0o700 };
const own = { uid: 61_200, gid: 61_200, groups: [] };

function around(more: Partial<Surroundings> = {}): Surroundings {
  return {
    level: 'strict',
    mayDropUid: true,
    identity: own,
    interpreter: {
      executable: '/opt/venv/bin/python',
      prefix: '/opt/venv',
      basePrefix: '/usr',
      folders: ['/opt/venv/lib/site-packages', '/home/me/src'],
    },
    bundleRoot: '/cache/ab12',
    corePath: '/app/core',
    ways: [[forAll, forAll]],
    ...more,
  };
}

describe('confinementOf', () => {
  it('gives what a collector of DataKit needs, and a uid of its own', () => {
    const { readPaths, ...rest } = confinementOf(defaultPolicy, around());
    expect(rest).toEqual({
      level: 'strict',
      ...{ ...own, sharedUid: false, writePaths: [] },
      ...{ network: true, unixSockets: false, listen: false, subprocess: true },
      limits: {
        ...{ addressSpaceBytes: 8 * 1024 ** 3, fileBytes: 256 * 1024 ** 2, openFiles: 1024, processes: 256 },
        ...{ cpuMs: null, tmpBytes: 256 * 1024 ** 2, memoryBytes: 512 * 1024 ** 2 },
      },
    });
    expect(readPaths).toEqual(expect.arrayContaining([...systemReadPaths, '/usr', '/lib', '/bin']));
    expect(readPaths).toEqual(
      expect.arrayContaining(['/opt/venv', '/home/me/src', '/cache/ab12', '/app/core']),
    );
  });

  it('names no path that lies below another one, and never the root', () => {
    const policy = { ...defaultPolicy, readPaths: ['/usr/share/x', '/data/', '/data/deep', '/'] };
    const { readPaths } = confinementOf(policy, around());
    expect(readPaths).toContain('/data');
    for (const path of ['/usr/share/x', '/data/', '/data/deep', '/', '/opt/venv/bin/python'])
      expect(readPaths).not.toContain(path);
  });

  it('reads nothing secret of the system', () => {
    const { readPaths } = confinementOf(defaultPolicy, around());
    for (const path of [
      '/',
      '/etc',
      '/etc/shadow',
      '/root',
      '/home',
      '/var',
      '/var/log',
      '/tmp',
      '/run',
      '/dev',
      '/run/secrets',
    ])
      expect(readPaths).not.toContain(path);
  });

  it.each([
    ['the worker may not change its user', { mayDropUid: false }],
    ['something on the way is for root alone', { ways: [[forAll], [forAll, forRoot, forAll]] }],
    [
      'the way ends in what only root reads',
      { ways: [[forAll, { ...forRoot, folder: false, mode: 0o600 }]] },
    ],
    ['the block asks for root', { identity: { uid: 0, gid: 0, groups: [] } }],
  ])('keeps the user, without capabilities, when %s', (_, more: Partial<Surroundings>) => {
    expect(confinementOf(defaultPolicy, around(more))).toMatchObject({
      level: 'strict',
      uid: null,
      gid: null,
    });
  });

  it('takes the user that the block asks for, whatever that one can read', () => {
    const policy = { ...defaultPolicy, user: 'syslog' };
    const identity = { uid: 104, gid: 110, groups: [4] };
    expect(confinementOf(policy, around({ identity, ways: [[forRoot]] }))).toMatchObject({
      ...identity,
      sharedUid: true,
    });
  });

  it('confines nothing where the block or the worker says so, and limits all the same', () => {
    const none = unconfined();
    expect(none).toMatchObject({ level: 'none', uid: null, readPaths: [] });
    expect(confinementOf({ ...defaultPolicy, sandbox: 'none' }, around())).toEqual(none);
    expect(confinementOf(defaultPolicy, around({ level: 'none' }))).toEqual(none);
  });

  it('reserves no less than a run may use', () => {
    const big = 64 * 1024 ** 3;
    const { limits } = confinementOf({ ...defaultPolicy, memoryBytes: big, tmpBytes: big }, around());
    expect(limits).toMatchObject({ addressSpaceBytes: big, fileBytes: big });
  });
});
