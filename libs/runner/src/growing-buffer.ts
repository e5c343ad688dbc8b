/** Up to here a copy is cheaper than what the kernel does for memory that grows in place. */
const COPIED_BYTES = 64 * 1024;

/** ES2024; Node has it from 20 on. */
interface ResizableBuffer extends ArrayBuffer {
  resize(bytes: number): void;
}
const Resizable = ArrayBuffer as unknown as new (
  bytes: number,
  options: { maxByteLength: number },
) => ResizableBuffer;

/**
 * Bytes that grow where they are and are given back at once, both by the kernel: an ordinary buffer that is copied
 * into ever larger ones leaves twice its size to a garbage collector that sees no hurry.
 */
export class GrowingBuffer {
  bytes: Buffer = EMPTY;
  #memory: ResizableBuffer | null = null;

  /** Keeps what is there. `most` is how far it may grow later; that much is only reserved. */
  grow(length: number, most: number): void {
    const before = this.bytes;
    if (this.#memory) {
      this.#memory.resize(length);
      this.bytes = Buffer.from(this.#memory, 0, length);
      return;
    }
    if (length > COPIED_BYTES) {
      this.#memory = new Resizable(length, { maxByteLength: Math.max(length, most) });
      this.bytes = Buffer.from(this.#memory, 0, length);
    } else this.bytes = Buffer.allocUnsafeSlow(length);
    before.copy(this.bytes);
  }

  /** Whoever still looks at the bytes sees none. */
  free(): void {
    this.#memory?.resize(0);
    this.#memory = null;
    this.bytes = EMPTY;
  }
}

const EMPTY: Buffer = Buffer.alloc(0);
