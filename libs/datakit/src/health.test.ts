import { describe, expect, it } from 'vitest';
import { causeOf } from './cause.ts';
import { createEndpointHealth, type EndpointHealth, type HealthChange } from './health.ts';
import { ManualClock } from './manual-clock.ts';

const A = 'http://a:9529';
const B = 'http://b:9529';
const REFUSED = causeOf('refused', 'nobody listens');
const FAULT = causeOf('endpoint-fault', 'takes no points: 403');

interface Setup {
  readonly clock: ManualClock;
  readonly health: EndpointHealth;
  readonly changes: HealthChange[];
}

function setup(): Setup {
  const clock = new ManualClock();
  const changes: HealthChange[] = [];
  const health = createEndpointHealth({ clock, random: () => 1, onChange: (change) => changes.push(change) });
  return { clock, health, changes };
}

const steps = (changes: readonly HealthChange[]) =>
  changes.map(({ from, to }) => `${from.kind} > ${to.kind}`);

describe('createEndpointHealth', () => {
  it('lets everything go while nothing is known against an endpoint', () => {
    const { health } = setup();
    expect(health.state(A)).toEqual({ kind: 'closed' });
    expect(health.admit(A)).toEqual({ kind: 'go', trial: false });
    health.succeeded(A);
    expect(health.troubled()).toEqual([]);
  });

  it('opens after three failures in a row, not after three with a success between', () => {
    const { health } = setup();
    health.failed(A, REFUSED, false);
    health.failed(A, REFUSED, false);
    health.succeeded(A);
    health.failed(A, REFUSED, false);
    health.failed(A, REFUSED, false);
    expect(health.state(A).kind).toBe('closed');
    health.failed(A, REFUSED, false);
    expect(health.state(A)).toMatchObject({ kind: 'open', cause: REFUSED });
    expect(health.admit(A)).toEqual({ kind: 'wait', afterMs: 1000, cause: REFUSED });
  });

  it('opens at once for a fault that leaves no doubt', () => {
    const { health } = setup();
    health.failed(A, FAULT, true);
    expect(health.troubled()).toMatchObject([{ key: A, state: { kind: 'open', cause: FAULT } }]);
  });

  it('never lets the trouble of one endpoint stop another', () => {
    const { health } = setup();
    health.failed(A, FAULT, true);
    expect(health.admit(B).kind).toBe('go');
  });

  it('lets one request try when the time is up, and the others wait for it', async () => {
    const { clock, health } = setup();
    health.failed(A, FAULT, true);
    await clock.advance(1000);
    expect(health.peek(A)).toEqual({ kind: 'go', trial: true });
    expect(health.admit(A)).toEqual({ kind: 'go', trial: true });
    expect(health.admit(A)).toMatchObject({ kind: 'wait', afterMs: 1000 });
    health.succeeded(A);
    expect(health.admit(A)).toEqual({ kind: 'go', trial: false });
  });

  it('stays open for longer each time a trial fails, up to the cap, and forgets that when it closes', async () => {
    const { clock, health } = setup();
    const waits: number[] = [];
    const wait = async (): Promise<void> => {
      const admission = health.admit(A);
      if (admission.kind !== 'wait') throw new Error('the circuit should be open');
      waits.push(admission.afterMs);
      await clock.advance(admission.afterMs);
    };
    health.failed(A, FAULT, true);
    for (let i = 0; i < 6; i++) {
      await wait();
      health.admit(A);
      health.failed(A, FAULT, false);
    }
    expect(waits).toEqual([1000, 2000, 4000, 8000, 15_000, 15_000]);
    await wait();
    health.admit(A);
    health.succeeded(A);
    health.failed(A, FAULT, true);
    await wait();
    expect(waits.at(-1)).toBe(1000);
  });

  it('hands the trial on when it told nothing', async () => {
    const { clock, health } = setup();
    health.failed(A, FAULT, true);
    await clock.advance(1000);
    health.admit(A);
    health.released(A);
    expect(health.admit(A)).toEqual({ kind: 'go', trial: true });
  });

  it('reports every change once, and remembers since when there is trouble', async () => {
    const { clock, health, changes } = setup();
    health.failed(A, FAULT, true);
    health.failed(A, FAULT, true);
    const sinceMs = clock.now();
    await clock.advance(1000);
    health.admit(A);
    health.failed(A, FAULT, true);
    await clock.advance(2000);
    health.admit(A);
    health.succeeded(A);
    expect(steps(changes)).toEqual([
      'closed > open',
      'open > half-open',
      'half-open > open',
      'open > half-open',
      'half-open > closed',
    ]);
    expect(changes[3]?.to).toMatchObject({ sinceMs });
    expect(changes.every(({ key }) => key === A)).toBe(true);
  });

  it('is not closed by the late success of a request from before', () => {
    const { health } = setup();
    health.failed(A, FAULT, true);
    health.succeeded(A);
    expect(health.state(A).kind).toBe('open');
  });
});
