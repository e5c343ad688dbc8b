import { describe, expect, it } from 'vitest';
import type { CollectorRecord } from './collector.ts';
import { HOST_NAME, ofHost, placeOf, templateId, toHostName } from './host-scope.ts';
import type { CollectorId } from './ids.ts';
import { offsetMs } from './tick.ts';

const template: CollectorRecord = {
  ...{
    v: 1,
    id: 'in@a.conf/d/m:C' as CollectorId,
    input: 'in@a.conf',
    inputNumber: 2,
    key: 'd/m:C',
    module: 'm',
  },
  ...{ class: 'C', name: 'C', everyMs: 60_000, timeoutMs: 300_000, paused: false, pool: 'slow' },
  offsetMs: offsetMs('in@a.conf/d/m:C' as CollectorId, 60_000, false),
};

describe('a collector of one host', () => {
  it('has the host in its id, its place and a phase of its own', () => {
    const record = ofHost(template, 'web-1.example');
    expect(record).toMatchObject({
      id: 'in@a.conf/d/m:C@web-1.example',
      host: 'web-1.example',
      pool: 'slow',
    });
    expect(placeOf(record)).toBe('slow@web-1.example');
    expect(record.offsetMs).not.toBe(ofHost(template, 'web-2.example').offsetMs);
    expect(templateId(record)).toBe(template.id);
  });

  it('stays aligned', () => {
    expect(ofHost({ ...template, offsetMs: 1 }, 'a').offsetMs).toBe(1);
  });
});

it('a collector of the fleet has its pool as its place, and its id as its own', () => {
  expect(placeOf(template)).toBe('slow');
  expect(templateId(template)).toBe(template.id);
});

it.each([['db 1'], ['a:b/c'], ['ü'], [''], ['x'.repeat(300)]])(
  '%j becomes a name that a host may have',
  (machine) => {
    expect(toHostName(machine)).toMatch(HOST_NAME);
  },
);
