import { expect, it } from 'vitest';
import { blockKeyNames } from './block-keys.ts';
import { nearest } from './nearest.ts';
import { printable } from './printable.ts';

it.each([
  ['intervall', 'interval'],
  ['inteval', 'interval'],
  ['itnerval', 'interval'],
  ['Interval', 'interval'],
  ['env-allow', 'env_allow'],
  ['env', 'envs'],
  ['dir', 'dirs'],
  ['time_out', 'timeout'],
  ['tag', 'tags'],
])('%s is taken for a mistyped %s', (typed, meant) => expect(nearest(typed, blockKeyNames)).toBe(meant));

it.each(['colour', 'x', '', '__proto__', 'a'.repeat(100_000)])('%.20s is like none of our keys', (typed) =>
  expect(nearest(typed, blockKeyNames)).toBeNull(),
);

it('shows what a terminal would act on as its number, and cuts what is long', () => {
  expect(printable('a\u001b[31m\u202eb\n')).toBe('a\\u{001B}[31m\\u{202E}b\\u{000A}');
  expect(printable('é'.repeat(70))).toBe(`${'é'.repeat(60)}…`);
});
