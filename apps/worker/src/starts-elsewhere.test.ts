import type { WorkerView } from '@pythond/registry';
import { describe, expect, it } from 'vitest';
import { cmdsLackedBy, othersOf, serves, whoStarts } from './starts-elsewhere.ts';

const worker = (name: string, cmds?: Record<string, boolean>, more: Partial<WorkerView> = {}) =>
  ({ name, host: 'h', pools: ['default'], takesOwnHost: true, cmds, ...more }) as WorkerView;

describe('who starts a cmd', () => {
  const ask = (...workers: WorkerView[]) =>
    whoStarts(othersOf(workers, { place: 'default', self: 'me' }), 'py');

  it.each([
    ['somewhere', [worker('a', { py: false }), worker('b', { py: true })]],
    ['untried', [worker('a', { py: false }), worker('b', { other: true })]],
    ['nowhere', [worker('a', { py: false }), worker('b')]],
    ['nowhere', [worker('me', { py: true })]],
    ['nowhere', [worker('a', { py: true }, { pools: ['slow'] })]],
    ['nowhere', []],
  ] as const)('%s', (answer, workers) => {
    expect(ask(...workers)).toBe(answer);
  });

  it('of one host is a worker of that host', () => {
    const there = worker('a', { py: true });
    const elsewhere = worker('b', { py: true }, { host: 'other' });
    const old = worker('c', { py: true }, { takesOwnHost: undefined });
    expect([there, elsewhere, old].map((one) => serves(one, 'default@h'))).toEqual([true, false, false]);
  });
});

it('what others hand over waits for the cmds that start here and not there', () => {
  const others = [worker('a', { one: false, two: true }), worker('b', { two: true, three: false })];
  expect(cmdsLackedBy(others, ['one', 'two'])).toEqual(['one']);
});
