import { describe, expect, it } from 'vitest';
import { abortedCause, causeOf } from './cause.ts';
import { Gate } from './gate.ts';
import { createEndpointHealth } from './health.ts';
import { ManualClock } from './manual-clock.ts';
import type { Verdict } from './verdict.ts';

const ENDPOINT = 'http://a:9529';
const METRIC = `${ENDPOINT}/v1/write/metric`;
const RUM = `${ENDPOINT}/v1/write/rum`;
const answer = { status: 400, code: null, body: '' };

interface After {
  readonly endpoint: string;
  readonly metric: string;
  readonly passed: boolean;
}

/** What a verdict does to healthy circuits. */
function after(verdict: Verdict): After {
  const health = createEndpointHealth({ clock: new ManualClock() });
  const gate = new Gate(health, ENDPOINT, METRIC);
  const passed = gate.enter() === null;
  gate.report(verdict);
  return { passed, endpoint: health.state(ENDPOINT).kind, metric: health.state(METRIC).kind };
}

describe('Gate', () => {
  it.each<Verdict>([
    { kind: 'accepted' },
    { kind: 'rejected', answer },
    { kind: 'too-large', answer },
    { kind: 'throttled', answer, afterMs: null },
    { kind: 'our-bug', answer },
    { kind: 'damaged', answer },
    { kind: 'suspect', answer },
    { kind: 'unknown', cause: abortedCause },
    { kind: 'unknown', cause: causeOf('refused', '') },
  ])('holds nothing for one %o', (verdict) => {
    expect(after(verdict)).toEqual({ passed: true, endpoint: 'closed', metric: 'closed' });
  });

  it.each<Verdict>([
    { kind: 'unknown', cause: causeOf('total-timeout', '') },
    { kind: 'unknown', cause: causeOf('headers-timeout', '') },
    { kind: 'endpoint-fault', answer, scope: 'endpoint' },
  ])('holds the endpoint for one %o', (verdict) => {
    expect(after(verdict)).toMatchObject({ endpoint: 'open', metric: 'closed' });
  });

  it('holds the route alone when only the route is at fault', () => {
    const health = createEndpointHealth({ clock: new ManualClock() });
    const gate = new Gate(health, ENDPOINT, RUM);
    gate.enter();
    gate.report({ kind: 'endpoint-fault', answer, scope: 'route' });
    expect(new Gate(health, ENDPOINT, RUM).enter()).toMatchObject({ kind: 'held' });
    expect(new Gate(health, ENDPOINT, METRIC).enter()).toBeNull();
  });

  it('hands a trial on when the request told nothing', async () => {
    const clock = new ManualClock();
    const health = createEndpointHealth({ clock, random: () => 1 });
    health.failed(ENDPOINT, causeOf('refused', ''), true);
    await clock.advance(1000);
    const trial = new Gate(health, ENDPOINT, METRIC);
    expect(trial.enter()).toBeNull();
    expect(new Gate(health, ENDPOINT, METRIC).enter()).toMatchObject({ kind: 'held' });
    trial.report({ kind: 'suspect', answer });
    const next = new Gate(health, ENDPOINT, METRIC);
    expect(next.enter()).toBeNull();
    next.report({ kind: 'accepted' });
    expect(health.state(ENDPOINT).kind).toBe('closed');
  });

  it('lets everything through where nobody keeps health', () => {
    const gate = new Gate(undefined, ENDPOINT, METRIC);
    expect(gate.enter()).toBeNull();
    gate.report({ kind: 'endpoint-fault', answer, scope: 'endpoint' });
    expect(gate.enter()).toBeNull();
  });
});
