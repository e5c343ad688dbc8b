import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatSize, parseSize, sizeReader } from './size.ts';

const read = sizeReader({ min: 1024, max: Number.MAX_SAFE_INTEGER, example: 'memory = "512MiB"' });

describe('a size', () => {
  it.each([
    ['512MiB', 512 * 1024 ** 2],
    ['1GB', 1_000_000_000],
    ['1gib', 1024 ** 3],
    ['1.5 GiB', 1.5 * 1024 ** 3],
    ['65536', 65_536],
    ['10B', 10],
    ['2kB', 2000],
  ])('%s is %d bytes', (text, bytes) => expect(parseSize(text)).toBe(bytes));

  it.each(['', '512M', '1g', 'MiB', '-1MiB', '1e9', '1 000', '9999999999TB', '1.5.2MB'])(
    "'%s' is none",
    (text) => expect(parseSize(text)).toBeNull(),
  );

  it('reads back what it formats, for every number of bytes', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (bytes) => {
        expect(parseSize(formatSize(bytes))).toBe(bytes);
      }),
    );
  });

  it('is a whole number within the limits, or a fault, whatever the value', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.double(), fc.anything()), (value) => {
        const reading = read(value);
        if (reading.ok) expect(Number.isSafeInteger(reading.value) && reading.value >= 1024).toBe(true);
      }),
    );
  });

  it('is refused below the least possible, with an example', () => {
    expect(read('1B')).toMatchObject({
      ok: false,
      faults: [{ text: 'must be at least 1KiB', hint: 'write memory = "512MiB"' }],
    });
  });
});
