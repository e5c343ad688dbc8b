import { describe, expect, it } from 'vitest';
import { CappedText } from './capped-text.ts';

describe('CappedText', () => {
  it('keeps everything while it fits', () => {
    const text = new CappedText(8);
    for (const part of ['ab', 'cdef', 'gh']) text.push(Buffer.from(part));
    expect(text.toString()).toBe('abcdefgh');
  });

  it('keeps the first quarter and the last three, and says what is missing', () => {
    const text = new CappedText(8);
    for (const part of ['0123456789', 'abcdefghij', 'XYZ']) text.push(Buffer.from(part));
    expect(text.toString()).toBe('01\n… 15 bytes left out …\nhijXYZ');
    expect(text.bytes).toBe(23);
  });

  it('keeps the same whatever the pieces are', () => {
    const all = Buffer.from('x'.repeat(100) + 'y'.repeat(1_000) + 'z'.repeat(70));
    const texts = [1, 3, 7, 64, 1_170].map((size) => {
      const text = new CappedText(64);
      for (let at = 0; at < all.length; at += size) text.push(all.subarray(at, at + size));
      return text.toString();
    });
    expect(new Set(texts)).toEqual(new Set([texts[0]]));
  });
});
