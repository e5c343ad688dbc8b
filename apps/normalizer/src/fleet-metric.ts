import { type LedgerEntry, sumOf } from '@pythond/ledger';
import type { WaitingDelivery } from '@pythond/outbox';
import { createReportClock, normalise } from '@pythond/points';
import { FLEET } from './tell.ts';

export const FLEET_METRIC_MS = 60_000;

/**
 * The ledger as the metric `pythond_fleet`: for each DataKit (tag `datakit`) how many points were emitted, accepted, … since
 * the ledger began, over all collectors. Its id and time are those of the minute, so that several normalizers that send
 * it send one. Null when no collector has reported a point.
 */
export function fleetMetric(
  entries: readonly LedgerEntry[],
  endpoint: string,
  nowMs: number,
): WaitingDelivery | null {
  const minuteMs = nowMs - (nowMs % FLEET_METRIC_MS);
  const own = entries.filter(({ collector }) => collector !== FLEET);
  const points = [...new Set(own.map((entry) => entry.endpoint))].map((datakit) => ({
    measurement: 'pythond_fleet',
    tags: { datakit: datakit || 'nowhere' },
    fields: { ...sumOf(own.filter((entry) => entry.endpoint === datakit)) },
    time: minuteMs,
  }));
  if (points.length === 0) return null;
  const time = createReportClock().forReport('metric', `${minuteMs}000000`);
  const { accepted } = normalise(points, { category: 'metric', precision: 'ms', time });
  const run = `fleet-metric-${minuteMs}`;
  return {
    id: run,
    destination: { endpoint, category: 'metric', query: [['input', FLEET]], form: 'line-protocol' },
    points: accepted.map(({ line }) => line),
    origins: [{ collector: FLEET, run, dueMs: minuteMs, points: accepted.length }],
    sinceMs: nowMs,
    tries: 0,
    reason: 'told',
  };
}
