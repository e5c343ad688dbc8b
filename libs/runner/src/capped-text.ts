/**
 * The first quarter and the last three quarters of what a stream brought, at most `maxBytes`; the rest is
 * dropped as it comes, so that the writer never waits.
 */
export class CappedText {
  bytes = 0;
  readonly #headMax: number;
  readonly #tailMax: number;
  readonly #head: Buffer[] = [];
  #headBytes = 0;
  #tail: Buffer[] = [];
  #tailBytes = 0;

  constructor(maxBytes: number) {
    this.#headMax = Math.floor(maxBytes / 4);
    this.#tailMax = maxBytes - this.#headMax;
  }

  push(chunk: Buffer): void {
    this.bytes += chunk.length;
    const headRoom = this.#headMax - this.#headBytes;
    if (headRoom > 0) {
      this.#head.push(Buffer.from(chunk.subarray(0, headRoom)));
      this.#headBytes += Math.min(headRoom, chunk.length);
    }
    if (chunk.length > headRoom) this.#pushTail(chunk.subarray(Math.max(0, headRoom)));
  }

  toString(): string {
    const tail = Buffer.concat(this.#tail).subarray(-this.#tailMax);
    const missing = this.bytes - this.#headBytes - tail.length;
    const head = Buffer.concat(this.#head).toString('utf8');
    return missing > 0
      ? `${head}\n… ${missing} bytes left out …\n${tail.toString('utf8')}`
      : head + tail.toString('utf8');
  }

  /** Keeps at most twice what is shown, so that a flood is copied about once. */
  #pushTail(chunk: Buffer): void {
    const part = Buffer.from(chunk.subarray(-this.#tailMax));
    this.#tail.push(part);
    this.#tailBytes += part.length;
    if (this.#tailBytes <= 2 * this.#tailMax) return;
    this.#tail = [Buffer.from(Buffer.concat(this.#tail).subarray(-this.#tailMax))];
    this.#tailBytes = this.#tailMax;
  }
}
