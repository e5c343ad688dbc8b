import { expect, test } from 'vitest';
import { guessUnit, isLate, LATE_AFTER_MS, nsToMs, precisionUnit, toNanoseconds } from './time.ts';

test('a time without a precision is guessed by its size, up to the limits that were recorded', () => {
  const guess = (time: bigint) => toNanoseconds(time, 'guess');
  expect(guess(1n)).toBe(1_000_000_000n);
  expect(guess(1_700_000_000n)).toBe(1_700_000_000_000_000_000n);
  expect(guess(10_000_000_000n)).toBe(10_000_000_000_000_000n);
  expect(guess(1_700_000_000_123n)).toBe(1_700_000_000_123_000_000n);
  expect(guess(1_700_000_000_123_456n)).toBe(1_700_000_000_123_456_000n);
  expect(guess(1_700_000_000_123_456_789n)).toBe(1_700_000_000_123_456_789n);
});

test('each unit begins where the one before it has eleven, fourteen or seventeen digits', () => {
  const edges = [10n ** 10n, 10n ** 13n, 10n ** 16n].flatMap((edge) => [edge - 1n, edge]);
  expect(edges.map(guessUnit)).toEqual(['s', 'ms', 'ms', 'u', 'u', 'n']);
});

test('a multiplied time wraps around in 64 bits', () => {
  expect(toNanoseconds(9_999_999_999n, 'guess')).toBe(-8_446_744_074_709_551_616n);
  expect(toNanoseconds(1_700_000_000_123_456_789n, 's')).toBe(-6_125_047_995_542_760_960n);
});

test('a precision that DataKit does not know means nanoseconds', () => {
  expect(['us', 'ns', 'd', 'bogus', 'toString'].map(precisionUnit)).toEqual(['n', 'n', 'n', 'n', 'n']);
  expect(['n', 'u', 'ms', 's', 'm', 'h'].map(precisionUnit)).toEqual(['n', 'u', 'ms', 's', 'm', 'h']);
  expect(['', undefined].map(precisionUnit)).toEqual(['guess', 'guess']);
});

test('a point is late after 110 minutes', () => {
  const now = 1_700_000_000_000;
  expect(LATE_AFTER_MS).toBe(6_600_000);
  expect(isLate(now - 6_600_000, now)).toBe(false);
  expect(isLate(now - 6_600_001, now)).toBe(true);
  expect(isLate(now + 86_400_000, now)).toBe(false);
});

test('milliseconds are cut, not rounded, from nanoseconds of any length', () => {
  expect(['1700000000123999999', '1999999', '999999', '1'].map(nsToMs)).toEqual([1_700_000_000_123, 1, 0, 0]);
});
