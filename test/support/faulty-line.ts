import type { Socket } from 'node:net';

/** What goes wrong between a client and its server. Without one, bytes pass as they come. */
export type ProxyFault =
  /** Each way takes `ms` longer; `lossShare` of the pieces take three times that more, as if sent again. */
  | { readonly kind: 'delay'; readonly ms: number; readonly lossShare?: number }
  /** The client's first byte resets it; the server sees nothing of it. */
  | { readonly kind: 'reset-before' }
  /** The request gets through; in place of the answer the client is reset. */
  | { readonly kind: 'reset-after' }
  /** So many bytes of an answer get through, then the client is reset. */
  | { readonly kind: 'half-answer'; readonly bytes: number }
  | { readonly kind: 'slow-answer'; readonly bytesPerSecond: number }
  /** Takes everything, gives nothing. */
  | { readonly kind: 'black-hole' }
  /** Requests get through; no answer comes back. */
  | { readonly kind: 'no-answer' }
  /** Nobody listens. */
  | { readonly kind: 'refuse' };

/**
 * One connection through the proxy. The fault of the moment decides over each piece that arrives; what passed before
 * stays passed. A connection that has lost bytes is `spoiled`: it must not come back to life.
 */
export class FaultyLine {
  spoiled = false;
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #fault: () => ProxyFault | null;
  readonly #onSwallowed: (piece: Buffer) => void;
  /** When the last piece of each way is due. */
  readonly #due = { toServer: 0, toClient: 0 };
  #answered = 0;
  #dripping: { bytes: Buffer; timer: NodeJS.Timeout } | null = null;

  constructor(
    client: Socket,
    server: Socket,
    fault: () => ProxyFault | null,
    onSwallowed: (piece: Buffer) => void,
  ) {
    this.#client = client;
    this.#server = server;
    this.#fault = fault;
    this.#onSwallowed = onSwallowed;
    client.on('data', (piece) => this.#fromClient(piece));
    server.on('data', (piece) => this.#fromServer(piece));
    client.on('error', () => undefined).on('close', () => server.destroy());
    server.on('error', () => client.resetAndDestroy()).on('end', () => this.#serverEnded());
    client.on('close', () => clearInterval(this.#dripping?.timer));
  }

  destroy(): void {
    this.#client.resetAndDestroy();
    this.#server.destroy();
  }

  #fromClient(piece: Buffer): void {
    const fault = this.#fault();
    this.#answered = 0;
    if (fault?.kind === 'black-hole') {
      this.spoiled = true;
      this.#onSwallowed(piece);
    } else if (fault?.kind === 'reset-before') this.destroy();
    else this.#pass(piece, this.#client, this.#server, 'toServer');
  }

  #fromServer(piece: Buffer): void {
    const fault = this.#fault();
    switch (fault?.kind) {
      case 'black-hole':
      case 'no-answer':
        this.spoiled = true;
        return;
      case 'reset-after':
        return this.destroy();
      case 'half-answer':
        return this.#half(piece, fault.bytes);
      case 'slow-answer':
        return this.#drip(piece, fault.bytesPerSecond);
      default:
        this.#pass(piece, this.#server, this.#client, 'toClient');
    }
  }

  #pass(piece: Buffer, from: Socket, to: Socket, way: 'toServer' | 'toClient'): void {
    const waitMs = this.#delayOf(way);
    if (waitMs > 0) setTimeout(() => to.write(piece), waitMs);
    else if (!to.write(piece)) {
      from.pause();
      to.once('drain', () => from.resume());
    }
  }

  /** Pieces keep their order: none overtakes one that takes longer. */
  #delayOf(way: 'toServer' | 'toClient'): number {
    const fault = this.#fault();
    const now = performance.now();
    let dueMs = now;
    if (fault?.kind === 'delay') dueMs += Math.random() < (fault.lossShare ?? 0) ? 4 * fault.ms : fault.ms;
    this.#due[way] = Math.max(this.#due[way], dueMs);
    return Math.ceil(this.#due[way] - now);
  }

  /** What is still on its way comes first. */
  #serverEnded(): void {
    const ended = () => this.#client.end();
    if (this.#dripping === null) setTimeout(ended, this.#delayOf('toClient'));
  }

  #half(piece: Buffer, bytes: number): void {
    const head = piece.subarray(0, Math.max(0, bytes - this.#answered));
    this.#answered += head.length;
    this.#client.write(head, () => {
      if (this.#answered >= bytes) this.destroy();
    });
  }

  #drip(piece: Buffer, bytesPerSecond: number): void {
    if (this.#dripping) {
      this.#dripping.bytes = Buffer.concat([this.#dripping.bytes, piece]);
      return;
    }
    const timer = setInterval(() => {
      const bytes = this.#dripping?.bytes ?? Buffer.alloc(0);
      if (bytes.length === 0) {
        clearInterval(timer);
        this.#dripping = null;
        return;
      }
      this.#client.write(bytes.subarray(0, 1));
      this.#dripping = { bytes: bytes.subarray(1), timer };
    }, 1000 / bytesPerSecond);
    this.#dripping = { bytes: piece, timer };
  }
}
