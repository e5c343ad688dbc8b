import type { BundleDigest, Discovery, FoundCollector, InputRecord } from '@pythond/jobs';
import { defaultPolicy } from '@pythond/sandbox';
import { describe, expect, it } from 'vitest';
import { adopt } from './adopt.ts';

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

const known = (...names: string[]) =>
  adopt(record, discovery(names.map((name) => found(name, 'C'))), []).records;

describe('taking over a discovery', () => {
  it("gives each collector its class's interval, kept within what the queue can do", () => {
    const { records } = adopt(record, discovery([found('a', 'A', 2.5), found('b', 'B', 0.001)]), []);
    expect(records.map(({ id, everyMs }) => [id, everyMs])).toEqual([
      ['web/Demo/a:A', 2_500],
      ['web/Demo/b:B', 100],
    ]);
  });

  it("lets the block's interval and time-out win over the class's", () => {
    const block = { ...record, intervalMs: 60_000, timeoutMs: 5_000 };
    const { records } = adopt(block, discovery([{ ...found('a', 'A'), timeout: 99 }]), []);
    expect(records).toMatchObject([{ everyMs: 60_000, timeoutMs: 5_000 }]);
  });

  it('removes a collector that its author removed', () => {
    const { gone } = adopt(record, discovery([found('a', 'C')]), known('a', 'b'));
    expect(gone).toEqual(['web/Demo/b:C']);
  });

  it('leaves a collector alone whose module failed to import: a mistake saved by accident stops nothing', () => {
    const { records, gone } = adopt(record, discovery([found('a', 'C')], ['b']), known('a', 'b'));
    expect(gone).toEqual([]);
    expect(records.map(({ id }) => id)).toEqual(['web/Demo/a:C']);
  });
});
