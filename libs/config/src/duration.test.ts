import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { durationReader, formatDuration, parseDuration } from './duration.ts';

const read = durationReader({ minMs: 100, maxMs: 366 * 86_400_000, example: 'interval = 10' });

describe('a duration', () => {
  it.each([
    ['10', 10_000],
    ['2.5', 2500],
    ['10s', 10_000],
    ['1m30s', 90_000],
    ['500ms', 500],
    ['2h', 7_200_000],
    ['1.5h', 5_400_000],
    ['1d', 86_400_000],
    [' 5m ', 300_000],
  ])('%s is %d ms', (text, ms) => expect(parseDuration(text)).toBe(ms));

  it.each(['', ' ', '1y', '10 s', '-5s', '5s1m', '1m1m', 's', 'ten', '1e3', '0x10', '1,5s', '٣s'])(
    "'%s' is none",
    (text) => expect(parseDuration(text)).toBeNull(),
  );

  it('reads back what it formats, for every whole number of milliseconds', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 366 * 86_400_000 }), (ms) => {
        expect(parseDuration(formatDuration(ms))).toBe(ms);
      }),
    );
  });

  it('is a time above 0 and within the limits, or a fault, whatever the text', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.double(), fc.integer(), fc.anything()), (value) => {
        const reading = read(value);
        if (!reading.ok) return;
        expect(Number.isInteger(reading.value)).toBe(true);
        expect(reading.value).toBeGreaterThanOrEqual(100);
        expect(reading.value).toBeLessThanOrEqual(366 * 86_400_000);
      }),
    );
  });
});

describe('a duration in a file', () => {
  it.each([
    0,
    -1,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    '0',
    '0s',
    10n,
    true,
    [],
    null,
  ])('is refused when it is %s', (value) =>
    expect(read(value)).toMatchObject({ ok: false, faults: [{ hint: 'write interval = 10' }] }),
  );

  it('may be seconds with a fraction', () => expect(read(2.5)).toMatchObject({ ok: true, value: 2500 }));

  it('is raised to the least possible, with a note', () => {
    expect(read('1ms')).toMatchObject({ ok: true, value: 100, notes: [{ hint: 'write "100ms"' }] });
  });

  it('is refused above the most possible', () => {
    expect(read('3660d')).toMatchObject({ ok: false, faults: [{ text: 'must be at most 366d' }] });
  });
});
