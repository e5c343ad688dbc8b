import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { categories } from './category.ts';
import { createReportClock, createRunClock } from './run-clock.ts';

const DUE_MS = 1_700_000_000_000;
const tick = (times: { dueMs?: number; startedMs?: number; everyMs?: number } = {}) =>
  createRunClock({ dueMs: DUE_MS, startedMs: DUE_MS + 20, everyMs: 10_000, ...times });

describe('a metric or an object', () => {
  test("gets its tick's time when the run started within one interval of it", () => {
    for (const category of ['metric', 'object', 'custom_object'] as const) {
      const time = tick({ startedMs: DUE_MS + 9_999 }).forReport(category, '1700000009999000000');
      expect(time('cpu,host=a')).toBe('1700000000000000000');
    }
  });

  test("gets the run's start when the run is later than that", () => {
    const time = tick({ startedMs: DUE_MS + 10_000 }).forReport('metric', '1700000010123456789');
    expect(time('cpu')).toBe('1700000010000000000');
  });

  test('gets the tick too when the clock of the worker is a little behind', () => {
    expect(tick({ startedMs: DUE_MS - 50 }).forReport('metric', '1')('cpu')).toBe('1700000000000000000');
  });

  test('gets the moment of its report when it is a later sample of its series in the run', () => {
    const clock = tick();
    const first = clock.forReport('metric', '1700000000100000000');
    expect([first('cpu'), first('mem'), first('cpu')]).toEqual([
      '1700000000000000000',
      '1700000000000000000',
      '1700000000100000000',
    ]);
    const second = clock.forReport('metric', '1700000001000000000');
    expect([second('mem'), second('disk')]).toEqual(['1700000001000000000', '1700000000000000000']);
  });

  test('is another sample in another category, or at another DataKit', () => {
    const clock = tick();
    const at = '1700000000100000000';
    const times = [
      clock.forReport('metric', at)('cpu'),
      clock.forReport('object', at)('cpu'),
      clock.forReport('metric', at, 'http://other:9529')('cpu'),
    ];
    expect(times).toEqual(Array(3).fill('1700000000000000000'));
  });

  test('gets the same time when the tick is run again, so that nothing is stored twice', () => {
    const first = tick({ startedMs: DUE_MS + 10 }).forReport('metric', '1700000000010500000')('cpu');
    const again = tick({ startedMs: DUE_MS + 8000 }).forReport('metric', '1700000008000500000')('cpu');
    expect(again).toBe(first);
  });
});

describe('a log, an event, a RUM point', () => {
  test('gets the moment of its report, one nanosecond further for each', () => {
    const time = tick().forReport('logging', '1700000000999999999');
    expect([time('app'), time('app'), time('app')]).toEqual([
      '1700000000999999999',
      '1700000001000000000',
      '1700000001000000001',
    ]);
  });

  test('never goes back within the run, even when the clock does', () => {
    const clock = tick();
    clock.forReport('keyevent', '1700000005000000000')('e');
    expect(clock.forReport('logging', '1700000004000000000')('l')).toBe('1700000005000000001');
  });

  test('does not take the very time of the tick', () => {
    expect(tick().forReport('logging', '1700000000000000000')('l')).toBe('1700000000000000001');
  });
});

test('the moments of a run strictly increase, whatever is reported when', () => {
  const report = fc.tuple(
    fc.constantFrom(...categories),
    fc.bigInt({ min: 10n ** 18n, max: 2n * 10n ** 18n }),
    fc.nat(3),
  );
  fc.assert(
    fc.property(fc.array(report, { maxLength: 20 }), (reports) => {
      const clock = tick();
      const moments = reports.flatMap(([category, at, points]) => {
        const time = clock.forReport(category, String(at));
        return Array.from({ length: points }, () => time('s')).filter((ns) => ns !== '1700000000000000000');
      });
      const ordered = moments.map(BigInt);
      expect(ordered.every((ns, i) => i === 0 || ns > (ordered[i - 1] ?? 0n))).toBe(true);
    }),
  );
});

test('a collector that reports when it likes gets the moment of its report for every point', () => {
  const clock = createReportClock();
  const time = clock.forReport('metric', '1700000000123456789');
  expect([time('cpu'), time('mem')]).toEqual(['1700000000123456789', '1700000000123456790']);
  expect(clock.forReport('logging', '1700000000123456000')('l')).toBe('1700000000123456791');
});
