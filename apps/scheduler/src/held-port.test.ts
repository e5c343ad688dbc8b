import type { CollectorId, CollectorRecord, Discovery, ModuleFailure } from '@pythond/jobs';
import { describe, expect, it } from 'vitest';
import { behindHeldPort } from './held-port.ts';

const record = (name: string, more: Partial<CollectorRecord> = {}): CollectorRecord => ({
  ...{ v: 1, id: `web/Demo/m:${name}` as CollectorId, input: 'web', inputNumber: 1, key: `Demo/m:${name}` },
  ...{ module: 'm', class: name, name, everyMs: 2_500, timeoutMs: 60_000, paused: false, offsetMs: 7 },
  ...{ pool: 'default', isolation: 'auto', resident: { code: 'listen', message: 'it listens' } },
  ...more,
});
const failure = (name: string | null, message = '[Errno 98] Address already in use'): ModuleFailure => ({
  ...{ module: 'm', dir: 'Demo', file: null, class: name, type: 'OSError', message },
  ...{ traceback: '', hint: null },
});
const discovery = (...failures: ModuleFailure[]): Discovery => ({
  ...{ input: 'web', number: 2, worker: 'w', python: null, collectors: [], error: null, warnings: [] },
  failures,
});

describe('a discovery while a resident holds its port', () => {
  it('finds what that holds, with the facts known of it, and says so', () => {
    const { discovery: found, carried } = behindHeldPort(discovery(failure('A')), [record('A')]);
    expect(found.failures).toEqual([]);
    expect(found.collectors).toMatchObject([
      { key: 'Demo/m:A', dir: 'Demo', module: 'm', class: 'A', interval: 2.5, timeout: 60 },
    ]);
    expect(found.warnings).toMatchObject([{ code: 'port-held' }]);
    expect(carried).toEqual([record('A')]);
  });

  it('finds all residents of a module that can not be imported for that', () => {
    const { discovery: found } = behindHeldPort(discovery(failure(null)), [record('A'), record('B')]);
    expect(found.collectors.map(({ key }) => key)).toEqual(['Demo/m:A', 'Demo/m:B']);
  });

  it.each([
    ['another failure', [failure('A', '[Errno 13] Permission denied')], record('A')],
    ['another class', [failure('B')], record('A')],
    ['a second failure', [failure('A'), failure('A', 'no such table')], record('A')],
    ['what is no resident', [failure('A')], record('A', { resident: null })],
  ])('is as it was for %s', (_, failures, known) => {
    const as = discovery(...failures);
    expect(behindHeldPort(as, [known])).toEqual({ discovery: as, carried: [] });
  });
});
