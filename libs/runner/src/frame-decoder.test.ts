import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrameError } from './errors.ts';
import { FrameDecoder, type HoldBudget } from './frame-decoder.ts';
import { encodeFrame, encodeJsonFrame, MAX_FRAME_BYTES } from './frames.ts';

interface Seen {
  readonly type: number;
  readonly payload: string;
}

function decoder(budget: HoldBudget = { held: 0, max: MAX_FRAME_BYTES }) {
  const seen: Seen[] = [];
  const limits = (type: number) => (type === 0xff ? 0 : type === 0xfe ? 8 : MAX_FRAME_BYTES);
  const decoding = new FrameDecoder(limits, budget);
  const sink = {
    onFrame: (type: number, payload: Buffer) => void seen.push({ type, payload: payload.toString('latin1') }),
  };
  return { seen, decoding, push: (bytes: Buffer) => decoding.push(bytes, sink), budget };
}

function codeOf(act: () => void): string {
  try {
    act();
  } catch (error) {
    if (error instanceof FrameError) return error.code;
    throw error;
  }
  return 'no error';
}

const frames = fc.array(
  fc.record({ type: fc.integer({ min: 0, max: 0xfd }), payload: fc.uint8Array({ maxLength: 60 }) }),
  { maxLength: 8 },
);

describe('FrameDecoder', () => {
  it('gives back what was encoded, however the stream is cut', () => {
    fc.assert(
      fc.property(frames, fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }), (sent, cuts) => {
        const stream = Buffer.concat(sent.map(({ type, payload }) => encodeFrame(type, payload)));
        const { seen, push, decoding, budget } = decoder();
        for (let at = 0, cut = 0; at < stream.length; cut++) {
          const end = at + (cuts[cut % cuts.length] ?? 1);
          push(stream.subarray(at, end));
          at = end;
        }
        decoding.end();
        expect(seen).toEqual(
          sent.map(({ type, payload }) => ({ type, payload: Buffer.from(payload).toString('latin1') })),
        );
        expect(budget.held).toBe(0);
      }),
    );
  });

  it('takes two glued frames, split at each byte', () => {
    const stream = Buffer.concat([encodeJsonFrame(1, { a: 'ä' }), encodeFrame(2, Buffer.alloc(0))]);
    for (let cut = 0; cut <= stream.length; cut++) {
      const { seen, push } = decoder();
      push(stream.subarray(0, cut));
      push(stream.subarray(cut));
      expect(seen).toHaveLength(2);
    }
  });

  it.each([
    ['a length of zero', [0, 0, 0, 0, 1], 'length-zero'],
    ['a length of zero without a type yet', [0, 0, 0, 0], 'length-zero'],
    ['2^31', [0x80, 0, 0, 0, 1], 'too-long'],
    ['2^32 - 1, or minus one', [0xff, 0xff, 0xff, 0xff, 1], 'too-long'],
    ['one more than the limit', [0x01, 0x10, 0, 1, 1], 'too-long'],
    ['more than its type may have', [0, 0, 0, 9, 0xfe], 'too-long'],
    ['a type that is not known', [0, 0, 0, 1, 0xff], 'unknown-type'],
  ])('refuses %s', (_, bytes, code) => {
    const whole = decoder();
    expect(codeOf(() => whole.push(Buffer.from(bytes)))).toBe(code);
    const byByte = decoder();
    expect(
      codeOf(() => {
        for (const byte of bytes) byByte.push(Buffer.from([byte]));
      }),
    ).toBe(code);
  });

  it('says how far the stream came when it ends within a frame', () => {
    const { push, decoding, budget } = decoder();
    push(encodeFrame(1, Buffer.alloc(100)).subarray(0, 50));
    expect(codeOf(() => decoding.end())).toBe('truncated');
    expect(budget.held).toBe(0);
  });

  it('holds no more than what has come, whatever a header announces', () => {
    const { push, budget } = decoder();
    push(encodeFrame(1, Buffer.alloc(MAX_FRAME_BYTES - 1)).subarray(0, 5_000));
    expect(budget.held).toBeLessThanOrEqual(10_000);
  });

  it('refuses to hold more than its share of the budget, and lets go of it', () => {
    const budget = { held: 0, max: 3_000_000 };
    const first = decoder(budget);
    const second = decoder(budget);
    const half = encodeFrame(1, Buffer.alloc(4_000_000)).subarray(0, 2_000_000);
    first.push(half);
    expect(codeOf(() => second.push(half))).toBe('too-much-unfinished');
    second.decoding.release();
    first.decoding.release();
    expect(budget.held).toBe(0);
  });

  it('lets go of a frame even when its sink throws', () => {
    const budget = { held: 0, max: MAX_FRAME_BYTES };
    const decoding = new FrameDecoder(() => MAX_FRAME_BYTES, budget);
    const sink = {
      onFrame() {
        throw new Error('no');
      },
    };
    const frame = encodeFrame(1, Buffer.alloc(100));
    decoding.push(frame.subarray(0, 10), sink);
    expect(() => decoding.push(frame.subarray(10), sink)).toThrow('no');
    expect(budget.held).toBe(0);
  });
});
