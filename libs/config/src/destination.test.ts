import { expect, it } from 'vitest';
import { readDestination } from './destination.ts';

it.each([
  ['10.0.0.5', '10.0.0.5:9529'],
  ['DataKit.Example:80', 'datakit.example:80'],
  ['host:*', 'host:*'],
  ['[::1]:9529', '[::1]:9529'],
])('a destination %s is %s', (written, read) => {
  expect(readDestination(written)).toMatchObject({ ok: true, value: read });
});

it.each(['', '*', 'http://h', 'h:0', 'h:65536', 'h:x', 'a b', 'h/x', '::1', 'h\n', 5])(
  'a destination %j is refused',
  (written) => expect(readDestination(written).ok).toBe(false),
);
