import type { Ntp } from '@pythond/datakit';
import { describe, expect, it } from 'vitest';
import { CLOCK_OFF_MS, ClockWatch } from './clock-watch.ts';

const never = new AbortController().signal;
const A = 'http://a:9529';
const B = 'http://b:9529';

function setUp() {
  const asked: string[] = [];
  const told: [string, number][] = [];
  const answers = new Map<string, Ntp>();
  let nowMs = 0;
  const watch = new ClockWatch({
    client: {
      ntp: async (endpoint) => {
        asked.push(endpoint);
        return answers.get(endpoint) ?? ahead(0);
      },
    },
    onOff: (endpoint, aheadMs) => told.push([endpoint, aheadMs]),
    onError: (error) => {
      throw error;
    },
    now: () => nowMs,
  });
  const later = (ms: number) => {
    nowMs += ms;
    return watch.check(never);
  };
  return { watch, asked, told, answers, later };
}

const ahead = (aheadMs: number): Ntp => ({ kind: 'answered', timestampSeconds: 0, aheadMs });

describe('the clocks of DataKits', () => {
  it('are compared when points first go there, and every hour', async () => {
    const { watch, asked, later } = setUp();
    await later(0);
    expect(asked).toEqual([]);
    watch.sees(A);
    await later(0);
    watch.sees(A);
    watch.sees(B);
    await later(60_000);
    expect(asked).toEqual([A, B]);
    await later(3_600_000 - 60_001);
    expect(asked).toEqual([A, B]);
    await later(60_001);
    expect(asked).toEqual([A, B, A, B]);
  });

  it.each([CLOCK_OFF_MS, -CLOCK_OFF_MS, 3 * 3_600_000])(
    'are told of when they are off by %i ms, until they are not',
    async (aheadMs) => {
      const { watch, told, answers, later } = setUp();
      answers.set(A, ahead(aheadMs));
      answers.set(B, ahead(CLOCK_OFF_MS - 1));
      watch.sees(A);
      watch.sees(B);
      await later(0);
      expect(told).toEqual([[A, aheadMs]]);
      expect(watch.off).toEqual({ [A]: aheadMs });
      answers.delete(A);
      await later(3_600_000);
      expect(told).toHaveLength(1);
      expect(watch.off).toEqual({});
    },
  );

  it('are asked for again soon when there was no answer, and not when the server does not know', async () => {
    const { watch, asked, told, answers, later } = setUp();
    const cause = { code: 'refused', message: 'nobody listens', answer: null, error: null } as const;
    answers.set(A, { kind: 'failed', cause });
    answers.set(B, { kind: 'unusable', status: 404 });
    watch.sees(A);
    watch.sees(B);
    await later(0);
    await later(60_000);
    expect(asked).toEqual([A, B, A]);
    expect(told).toEqual([]);
  });
});
