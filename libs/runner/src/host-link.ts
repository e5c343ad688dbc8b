import type { Socket } from 'node:net';
import { FrameError } from './errors.ts';
import { FrameDecoder, type FrameLimits, type FrameSink, type HoldBudget } from './frame-decoder.ts';
import { encodeJsonFrame, encodeStateFrame } from './frames.ts';

/** A host that leaves so much unread does not read; states, of up to a MiB each, are not counted. */
const MAX_UNREAD_BYTES = 1024 * 1024;

export interface HostLinkEvents extends FrameSink {
  /** The host broke the protocol. */
  onBroken(error: FrameError): void;
  /** The host does not read. */
  onStuck(): void;
  /** The host closed its end. */
  onHangUp(): void;
}

/** Frames to and from a host over its socket. *open* until {@link close}, then *closed*: nothing is sent or heard. */
export class HostLink {
  readonly #socket: Socket;
  readonly #decoder: FrameDecoder;
  readonly #events: HostLinkEvents;
  #closed = false;
  #unreadState = 0;

  constructor(socket: Socket, limits: FrameLimits, budget: HoldBudget, events: HostLinkEvents) {
    this.#socket = socket;
    this.#decoder = new FrameDecoder(limits, budget);
    this.#events = events;
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    socket.once('end', () => {
      if (!this.#closed) events.onHangUp();
    });
  }

  send(type: number, value: object): void {
    if (this.#closed || this.#socket.destroyed) return;
    this.#socket.write(encodeJsonFrame(type, value));
    if (this.#socket.writableLength - this.#unreadState > MAX_UNREAD_BYTES) this.#events.onStuck();
  }

  /** What the run that is asked for next starts from. */
  sendState(run: number, state: Buffer): void {
    if (this.#closed || this.#socket.destroyed) return;
    const frame = encodeStateFrame(run, state);
    this.#unreadState += frame.length;
    this.#socket.write(frame, () => {
      this.#unreadState -= frame.length;
    });
  }

  /** Leaves in the socket what the host sends, or reads on. */
  hold(hold: boolean): void {
    if (hold) this.#socket.pause();
    else this.#socket.resume();
  }

  close(): void {
    this.#closed = true;
    this.#decoder.release();
  }

  #onData(chunk: Buffer): void {
    if (this.#closed) return;
    try {
      this.#decoder.push(chunk, this.#events);
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.#events.onBroken(error);
    }
  }
}
