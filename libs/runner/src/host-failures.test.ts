import { describe, expect, it } from 'vitest';
import type { HostDeath } from './host-death.ts';
import { HostFailures } from './host-failures.ts';

const death: HostDeath = {
  reason: 'exited',
  message: 'it went',
  exitCode: 1,
  signal: null,
  stdout: '',
  stderr: '',
};

function failures(random: number) {
  const clock = { ms: 0 };
  return {
    clock,
    noted: new HostFailures(
      () => random,
      () => clock.ms,
    ),
  };
}

describe('HostFailures', () => {
  it('waits up to half a second after the first death, doubling up to half a minute', () => {
    const { noted } = failures(1);
    const waits = Array.from({ length: 9 }, () => {
      noted.note('k', death, 0);
      return noted.waitMs('k');
    });
    expect(waits).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
    expect(noted.errorFor('k')?.message).toContain('9 times in a row');
  });

  it('spreads the wait over all of that', () => {
    const { noted } = failures(0.5);
    noted.note('k', death, 0);
    expect(noted.waitMs('k')).toBe(250);
  });

  it('forgets the time that has passed, not the deaths', () => {
    const { noted, clock } = failures(1);
    noted.note('k', death, 0);
    clock.ms = 499;
    expect(noted.waitMs('k')).toBe(1);
    clock.ms = 5_000;
    expect(noted.waitMs('k')).toBe(0);
    noted.note('k', death, 0);
    expect(noted.waitMs('k')).toBe(1_000);
  });

  it('starts anew after a host that was up for a while', () => {
    const { noted } = failures(1);
    for (let i = 0; i < 5; i++) noted.note('k', death, 0);
    noted.note('k', death, 61_000);
    expect(noted.waitMs('k')).toBe(500);
  });

  it('keeps kinds apart', () => {
    const { noted } = failures(1);
    noted.note('k', death, 0);
    expect(noted.waitMs('other')).toBe(0);
    expect(noted.errorFor('other')).toBeNull();
  });
});
