import { type LedgerEntry, noPoints } from '@pythond/ledger';
import { expect, it } from 'vitest';
import { fleetMetric } from './fleet-metric.ts';

const DATAKIT = 'http://127.0.0.1:9529';
const entry = (collector: string, endpoint: string, accepted: number): LedgerEntry => ({
  collector,
  endpoint,
  counts: { ...noPoints(), emitted: accepted, accepted },
});

it('the ledger is a metric: a point for each DataKit, the sums of all collectors, at the beginning of the minute', () => {
  const entries = [
    entry('a', DATAKIT, 2),
    entry('b', DATAKIT, 3),
    entry('b', 'http://other:1', 7),
    entry('pythond', DATAKIT, 100), // the fleet's own
  ];
  const metric = fleetMetric(entries, DATAKIT, 1_700_000_119_999);
  const counts = (accepted: number) =>
    `emitted=${accepted},accepted=${accepted},queued=0,dead=0,late=0,dropped=0,purged=0,lost=0`;
  expect(metric?.points).toEqual([
    `pythond_fleet,datakit=http://127.0.0.1:9529 ${counts(5)} 1700000100000000000`,
    `pythond_fleet,datakit=http://other:1 ${counts(7)} 1700000100000000000`,
  ]);
  expect(metric).toMatchObject({ id: 'fleet-metric-1700000100000', destination: { category: 'metric' } });
  expect(metric?.origins).toMatchObject([{ collector: 'pythond', points: 2 }]);
});

it('before any collector has reported a point there is nothing to tell', () => {
  expect(fleetMetric([entry('pythond', DATAKIT, 1)], DATAKIT, 0)).toBeNull();
});
