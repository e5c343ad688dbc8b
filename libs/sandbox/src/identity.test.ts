import { describe, expect, it } from 'vitest';
import { accountsOf } from './accounts.ts';
import { ownIdentity, readableTo, type Step } from './identity.ts';

const step = (mode: number, owner: Partial<Step> = {}): Step => ({
  uid: 0,
  gid: 0,
  folder: true,
  mode,
  ...owner,
});
const me = { uid: 1000, gid: 1000, groups: [4] };

describe('a way is readable', () => {
  it.each([
    ['for all', [step(0o755), step(0o755)], true],
    ['with the last step a file', [step(0o755), step(0o644, { folder: false })], true],
    ['through a folder that can only be gone through', [step(0o711), step(0o755)], true],
    ['not into a folder that can only be gone through', [step(0o755), step(0o711)], false],
    ['not through a folder for its owner', [step(0o700), step(0o755)], false],
    ['through a folder of mine', [step(0o700, { uid: 1000 }), step(0o755)], true],
    [
      'not through a folder of mine that is closed to me alone',
      [step(0o077, { uid: 1000 }), step(0o755)],
      false,
    ],
    ['by a group of mine', [step(0o750, { gid: 4 }), step(0o755)], true],
    [
      'not by a group that is closed, though it is open to all',
      [step(0o705, { gid: 4 }), step(0o755)],
      false,
    ],
    ['when there is nothing', [], true],
  ])('%s', (_, way, readable) => {
    expect(readableTo(me, way)).toBe(readable);
  });
});

describe('the uid of an input', () => {
  it('is always the same, in a range that nobody gets, and its group too', () => {
    const identity = ownIdentity('web', new Set());
    expect(identity).toEqual(ownIdentity('web', new Set()));
    expect(identity).toEqual({ uid: identity.uid, gid: identity.uid, groups: [] });
    expect(identity.uid).toBeGreaterThanOrEqual(61_184);
    expect(identity.uid).toBeLessThan(65_280);
  });

  it('is another one when an account has it', () => {
    const { uid } = ownIdentity('web', new Set());
    expect(ownIdentity('web', new Set([uid])).uid).not.toBe(uid);
  });

  it('differs from input to input, nearly always', () => {
    const uids = new Set(Array.from({ length: 100 }, (_, i) => ownIdentity(`input-${i}`, new Set()).uid));
    expect(uids.size).toBeGreaterThan(90);
  });
});

describe('accounts', () => {
  const { identity, taken } = accountsOf(
    'root:x:0:0:root:/root:/bin/sh\nsyslog:x:104:110::/:/bin/false\nbroken\n:x:1:1:::\nodd:x:no:1:::\n',
    'root:x:0:\nadm:x:4:syslog,me\nsyslog:x:110:\nbroken\n',
  );

  it('are found by name and by number, with all their groups', () => {
    expect(identity('syslog')).toEqual({ uid: 104, gid: 110, groups: [4] });
    expect(identity('104')).toEqual(identity('syslog'));
    expect(identity('root')).toEqual({ uid: 0, gid: 0, groups: [] });
  });

  it('need not exist for a number, but for a name', () => {
    expect(identity('4321')).toEqual({ uid: 4321, gid: 4321, groups: [] });
    expect(identity('nobody')).toBeNull();
    expect(identity('odd')).toBeNull();
    expect(identity('')).toBeNull();
  });

  it('tell which numbers are taken', () => {
    expect([...taken].sort((a, b) => a - b)).toEqual([0, 4, 104, 110]);
  });
});
