import { createHash } from 'node:crypto';
import type { Tidings, WaitingDelivery } from '@pythond/outbox';
import { createReportClock, normalise } from '@pythond/points';

/** Whose points the fleet's own events are, in the ledger. */
export const FLEET = 'pythond';

/**
 * The `system` event by which DataKit learns that points died, as the framework's `feed_system_event` would make it: one
 * for a collector and cause. Its id is the same each hour, so that DataKit shows them as one that goes on.
 */
export function eventOf(
  { collector, code, points }: Tidings,
  endpoint: string,
  nowMs: number,
): WaitingDelivery {
  const id = createHash('sha256').update(`${code} ${collector}`).digest('hex').slice(0, 24);
  const event = {
    measurement: 'pythond',
    tags: { collector, reason: code },
    fields: {
      df_date_range: 3600,
      df_source: 'system',
      df_status: 'warning',
      df_event_id: `event-${id}`,
      df_title: `pythond: points of ${collector} were refused (${code})`,
      df_message: `${points} points of ${collector} are dead letters: ${code}. Look with: pythond dead ls --reason ${code}`,
      points,
    },
  };
  const time = createReportClock().forReport('keyevent', `${nowMs}000000`);
  const { accepted, rejected } = normalise([event], { category: 'keyevent', time });
  const [point] = accepted;
  if (!point) throw new Error(`the event about ${collector} can not be sent: ${rejected[0]?.reason}`);
  return {
    id: `event-${id}-${nowMs}`,
    destination: { endpoint, category: 'keyevent', query: [['input', FLEET]], form: 'line-protocol' },
    points: [point.line],
    origins: [{ collector: FLEET, run: `event-${id}`, dueMs: nowMs, points: 1 }],
    sinceMs: nowMs,
    tries: 0,
    reason: 'told',
  };
}
