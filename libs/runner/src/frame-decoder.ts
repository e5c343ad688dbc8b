import { FrameError } from './errors.ts';
import { HEADER_BYTES, LENGTH_BYTES, MAX_FRAME_BYTES } from './frames.ts';
import { GrowingBuffer } from './growing-buffer.ts';

const SMALLEST_HOLD = 4096;

export interface FrameSink {
  /** `payload` is only good during the call: it points into a buffer that is used again. */
  onFrame(type: number, payload: Buffer): void;
}

/** The largest N that a type may have; 0 for a type that may not come. */
export type FrameLimits = (type: number) => number;

/** What several decoders may hold together of frames that have not come whole. */
export interface HoldBudget {
  held: number;
  readonly max: number;
}

/**
 * Cuts a byte stream into frames. A frame that lies within one chunk is handed on as a view of it; one that does
 * not is gathered in a buffer that grows with what has come (never with what is only announced).
 *
 * States: *between* frames (`#have` is 0), *within* one (`#have` bytes of it are in `#held`). After a
 * {@link FrameError}, its own or the sink's, the stream is broken: the decoder must not be given more.
 */
export class FrameDecoder {
  #have = 0;
  readonly #held = new GrowingBuffer();
  readonly #limits: FrameLimits;
  readonly #budget: HoldBudget;

  constructor(limits: FrameLimits, budget: HoldBudget) {
    this.#limits = limits;
    this.#budget = budget;
  }

  push(chunk: Buffer, sink: FrameSink): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#have === 0) at = this.#wholeFrames(chunk, at, sink);
      if (at < chunk.length) at = this.#gather(chunk, at, sink);
    }
  }

  /** The stream has ended. */
  end(): void {
    const have = this.#have;
    this.release();
    if (have > 0) throw new FrameError('truncated', `the stream ended ${have} bytes into a frame`);
  }

  /** Lets go of what is held. */
  release(): void {
    this.#budget.held -= this.#held.bytes.length;
    this.#held.free();
    this.#have = 0;
  }

  #wholeFrames(chunk: Buffer, from: number, sink: FrameSink): number {
    let at = from;
    while (chunk.length - at >= HEADER_BYTES) {
      const end = at + this.#size(chunk, at);
      if (end > chunk.length) break;
      sink.onFrame(chunk[at + LENGTH_BYTES] ?? 0, chunk.subarray(at + HEADER_BYTES, end));
      at = end;
    }
    return at;
  }

  /** Takes what is missing of the frame that began earlier, or begins it; returns where it stopped. */
  #gather(chunk: Buffer, from: number, sink: FrameSink): number {
    let at = from;
    if (this.#have < HEADER_BYTES) {
      at = this.#take(chunk, at, HEADER_BYTES);
      if (this.#have >= LENGTH_BYTES) checkLength(this.#held.bytes.readUInt32BE(0), MAX_FRAME_BYTES);
      if (this.#have < HEADER_BYTES) return at;
    }
    const size = this.#size(this.#held.bytes, 0);
    at = this.#take(chunk, at, size);
    if (this.#have === size) this.#emit(size, sink);
    return at;
  }

  #take(chunk: Buffer, from: number, upTo: number): number {
    const end = Math.min(chunk.length, from + upTo - this.#have);
    const have = this.#have + end - from;
    if (have > this.#held.bytes.length) this.#grow(have, upTo);
    chunk.copy(this.#held.bytes, this.#have, from, end);
    this.#have = have;
    return end;
  }

  #grow(least: number, most: number): void {
    const now = this.#held.bytes.length;
    const length = Math.max(least, Math.min(2 * now, most), SMALLEST_HOLD);
    const more = length - now;
    if (this.#budget.held + more > this.#budget.max) {
      throw new FrameError(
        'too-much-unfinished',
        `unfinished frames take more than ${this.#budget.max} bytes together`,
      );
    }
    this.#budget.held += more;
    this.#held.grow(length, most);
  }

  #emit(size: number, sink: FrameSink): void {
    const frame = this.#held.bytes;
    this.#have = 0;
    try {
      sink.onFrame(frame[LENGTH_BYTES] ?? 0, frame.subarray(HEADER_BYTES, size));
    } finally {
      this.release();
    }
  }

  /** The size of the frame that begins at `at`, its length field included. */
  #size(bytes: Buffer, at: number): number {
    const length = bytes.readUInt32BE(at);
    checkLength(length, MAX_FRAME_BYTES);
    const type = bytes[at + LENGTH_BYTES] ?? 0;
    const limit = this.#limits(type);
    if (limit === 0) {
      throw new FrameError('unknown-type', `a frame of type 0x${type.toString(16).padStart(2, '0')}`);
    }
    checkLength(length, limit);
    return LENGTH_BYTES + length;
  }
}

function checkLength(length: number, limit: number): void {
  if (length === 0) throw new FrameError('length-zero', 'a frame of length 0');
  if (length > limit) {
    throw new FrameError('too-long', `a frame of ${length} bytes, where ${limit} is the most`);
  }
}
