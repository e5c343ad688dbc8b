import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CollectorId, schedulerId } from './ids.ts';
import { defaultTimeoutMs, offsetMs, parseTickId, tickId } from './tick.ts';

const id = 'web/Demo/demo:Demo' as CollectorId;

describe('the offset of a collector', () => {
  it('lies within its interval and is never 0, which BullMQ takes for none', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.integer({ min: 100, max: 1e9 }), (text, everyMs) => {
        const offset = offsetMs(text as CollectorId, everyMs, false);
        expect(offset).toBeGreaterThanOrEqual(1);
        expect(offset).toBeLessThan(everyMs);
      }),
    );
  });

  it('is the same at every start', () => {
    expect(offsetMs(id, 10_000, false)).toBe(offsetMs(id, 10_000, false));
    expect(offsetMs(id, 10_000, true)).toBe(1);
  });

  it('spreads many collectors of one interval evenly', () => {
    const tenths = new Array<number>(10).fill(0);
    for (let n = 0; n < 10_000; n += 1) {
      const tenth = Math.floor(offsetMs(`in/dir/mod:C${n}` as CollectorId, 10_000, false) / 1_000);
      tenths[tenth] = (tenths[tenth] ?? 0) + 1;
    }
    expect(Math.min(...tenths)).toBeGreaterThan(850);
    expect(Math.max(...tenths)).toBeLessThan(1_150);
  });
});

describe('the id of a tick', () => {
  const scheduler = schedulerId(id);

  it('tells scheduler, due time and kind, of the grid and outside it', () => {
    expect(parseTickId(`repeat:${scheduler}:1800000000017`)).toEqual({
      scheduler,
      dueMs: 1_800_000_000_017,
      kind: 'grid',
    });
    expect(parseTickId(tickId('first', scheduler, 5))).toEqual({ scheduler, dueMs: 5, kind: 'first' });
    expect(parseTickId(tickId('manual', scheduler, 5, 'ab12'))).toEqual({
      scheduler,
      dueMs: 5,
      kind: 'manual',
    });
  });

  it.each([
    '',
    '17',
    'repeat:short:5',
    `repeat:${scheduler}:x`,
    `first-${scheduler}`,
    `repeat:${scheduler}:5\n`,
  ])('is not read from %j', (text) => {
    expect(parseTickId(text)).toBeNull();
  });
});

it('a scheduler id is what BullMQ takes for one: letters and digits, always of one length', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(schedulerId(text as CollectorId)).toMatch(/^[a-z2-7]{52}$/);
    }),
  );
});

it('a time-out is five minutes, or two intervals where that is more', () => {
  expect(defaultTimeoutMs(10_000)).toBe(300_000);
  expect(defaultTimeoutMs(3_600_000)).toBe(7_200_000);
});
