import type { BundleDigest, Discovery, FoundCollector, InputRecord } from '@pythond/jobs';
import { defaultPolicy } from '@pythond/sandbox';
import { describe, expect, it } from 'vitest';
import { type Adoption, adopt } from './adopt.ts';

const record: InputRecord = {
  v: 1,
  key: 'web',
  number: 3,
  name: 'web',
  cmd: 'python3',
  envs: null,
  bundle: '0'.repeat(64) as BundleDigest,
  modules: [],
  roots: [],
  tags: {},
  isolation: 'auto',
  state: true,
  pool: 'default',
  datakit: null,
  destinations: null,
  integers: 'float',
  policy: defaultPolicy,
  intervalMs: null,
  timeoutMs: null,
  align: false,
  paused: false,
  scope: 'fleet',
};

const found = (module: string, name: string, interval = 10): FoundCollector => ({
  key: `Demo/${module}:${name}`,
  module,
  dir: 'Demo',
  class: name,
  name,
  interval,
  timeout: null,
  isolation: null,
  warnings: [],
});

const discovery = (collectors: FoundCollector[], broken: string[] = []): Discovery => ({
  input: 'web',
  number: 3,
  worker: 'w',
  python: null,
  collectors,
  failures: broken.map((module) => ({
    ...{ module, dir: 'Demo', file: null, class: null, type: 'SyntaxError' },
    ...{ message: '', traceback: '', hint: null },
  })),
  error: null,
  warnings: [],
});

function taken(adoption: Adoption) {
  if (adoption.kind === 'taken') return adoption;
  throw new Error(`held: ${JSON.stringify(adoption.reasons)}`);
}

const known = (...names: string[]) =>
  taken(adopt(record, discovery(names.map((name) => found(name, 'C'))), [])).records;

describe('taking over a discovery', () => {
  it("gives each collector its class's interval, kept within what the queue can do", () => {
    const both = discovery([found('a', 'A', 2.5), found('b', 'B', 0.001)]);
    const { records } = taken(adopt(record, both, []));
    expect(records.map(({ id, everyMs }) => [id, everyMs])).toEqual([
      ['web/Demo/a:A', 2_500],
      ['web/Demo/b:B', 100],
    ]);
  });

  it("lets the block's interval and time-out win over the class's", () => {
    const block = { ...record, intervalMs: 60_000, timeoutMs: 5_000 };
    const { records } = taken(adopt(block, discovery([{ ...found('a', 'A'), timeout: 99 }]), []));
    expect(records).toMatchObject([{ everyMs: 60_000, timeoutMs: 5_000 }]);
  });

  it.each([
    ['auto', null, null, null],
    ['auto', null, 'decided', 'thread'],
    ['auto', 'run', 'decided', null],
    ['auto', 'resident', null, 'asked'],
    ['run', 'resident', 'decided', null],
    ['resident', 'run', null, 'asked'],
  ] as const)(
    'makes residents of those that ask, or of which it was decided: block %s, class %s, %s: %s',
    (block, byClass, decided, expected) => {
      const reason = { code: 'thread', message: 'a thread' };
      const all = discovery([{ ...found('a', 'A'), isolation: byClass }]);
      const adoption = adopt({ ...record, isolation: block }, all, [], false, decided && reason);
      const { records } = taken(adoption);
      expect(records[0]?.resident?.code ?? null).toBe(expected);
      expect(records[0]?.isolation).toBe(block === 'auto' ? (byClass ?? 'auto') : block);
    },
  );

  it('removes a collector that its author removed', () => {
    const { gone } = taken(adopt(record, discovery([found('a', 'C')]), known('a', 'b')));
    expect(gone).toEqual(['web/Demo/b:C']);
  });

  it('keeps the id of a collector whose name or interval changed', () => {
    const edited = { ...found('a', 'C', 60), name: 'another' };
    const { records, gone } = taken(adopt(record, discovery([edited]), known('a')));
    expect(gone).toEqual([]);
    expect(records).toMatchObject([{ id: 'web/Demo/a:C', name: 'another', everyMs: 60_000 }]);
  });
});

describe('holding a version back', () => {
  const broken = discovery([found('a', 'C')], ['b']);

  it('is for one that would stop a collector whose module failed to import', () => {
    expect(adopt(record, broken, known('a', 'b'))).toEqual({
      kind: 'held',
      reasons: [{ module: 'b', type: 'SyntaxError', message: '' }],
    });
  });

  it('is for one that would stop a collector whose class could not be built', () => {
    const failure = { ...broken.failures[0], class: 'C' } as Discovery['failures'][number];
    const other = { ...failure, class: 'Other' };
    expect(adopt(record, { ...broken, failures: [failure] }, known('a', 'b')).kind).toBe('held');
    expect(adopt(record, { ...broken, failures: [other] }, known('a', 'b')).kind).toBe('taken');
  });

  it('is not for a module that had no collector: there is nothing to keep', () => {
    expect(taken(adopt(record, broken, known('a'))).records).toHaveLength(1);
    expect(taken(adopt(record, broken, [])).records).toHaveLength(1);
  });

  it('is overruled by who wants it as it is: what is broken goes', () => {
    const { records, gone } = taken(adopt(record, broken, known('a', 'b'), true));
    expect(records.map(({ id }) => id)).toEqual(['web/Demo/a:C']);
    expect(gone).toEqual(['web/Demo/b:C']);
  });

  it('is not overruled when nothing at all could be imported', () => {
    const nothing = { ...discovery([]), error: { code: 'host-died', message: 'it died' } };
    const held = { kind: 'held', reasons: [{ module: null, type: 'host-died', message: 'it died' }] };
    expect(adopt(record, nothing, known('a'))).toEqual(held);
    expect(adopt(record, nothing, known('a'), true)).toEqual(held);
  });
});
