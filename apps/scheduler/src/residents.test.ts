import { type CollectorId, type CollectorRecord, type ResidentPlan, residentId } from '@pythond/jobs';
import { describe, expect, it } from 'vitest';
import { correctResidents } from './residents.ts';

const collector = (name: string, more: Partial<CollectorRecord> = {}): CollectorRecord => ({
  ...{
    v: 1,
    id: `r/r/r:${name}` as CollectorId,
    input: 'r',
    inputNumber: 1,
    key: `r/r:${name}`,
    module: 'r',
  },
  ...{ class: name, name, everyMs: 1_000, timeoutMs: 300_000, paused: false, offsetMs: 1, pool: 'default' },
  ...{ isolation: 'auto', resident: { code: 'thread', message: 'a thread' } },
  ...more,
});

/** What is wanted, in memory; `put` tells whether a plan is new to it. */
function wantedIn(plans: Map<string, ResidentPlan>) {
  return {
    wanted: async () => new Map([...plans].map(([id, { pool }]) => [id, pool])),
    put: async (plan: ResidentPlan) => {
      const id = residentId(plan.input, plan.number);
      const isNew = JSON.stringify(plans.get(id)) !== JSON.stringify(plan);
      plans.set(id, plan);
      return isNew;
    },
    remove: async (id: string) => void plans.delete(id),
  };
}

const namesIn = (plans: Map<string, ResidentPlan>) =>
  [...plans.values()].map(({ number, collectors }) => [number, ...collectors.map(({ name }) => name)]);

describe('correctResidents', () => {
  it('wants one for each version of an input that has resident collectors', async () => {
    const plans = new Map<string, ResidentPlan>();
    const all = [
      collector('B'),
      collector('A'),
      collector('Old', { inputNumber: 2 }),
      collector('Run', { resident: null }),
      collector('Paused', { paused: true }),
    ];
    expect(await correctResidents(all, wantedIn(plans))).toBe(2);
    expect(namesIn(plans)).toEqual([
      [1, 'A', 'B'],
      [2, 'Old'],
    ]);
    expect(await correctResidents([...all].reverse(), wantedIn(plans))).toBe(0); // the order is nothing new
  });

  it('wants no more what has no collector, and what went to another pool', async () => {
    const plans = new Map<string, ResidentPlan>();
    await correctResidents([collector('A')], wantedIn(plans));
    expect(await correctResidents([collector('A', { pool: 'other' })], wantedIn(plans))).toBe(2);
    expect([...plans.values()].map(({ pool }) => pool)).toEqual(['other']);
    expect(await correctResidents([collector('A', { paused: true })], wantedIn(plans))).toBe(1);
    expect(plans.size).toBe(0);
  });
});
