import type { Dispatcher } from 'undici';
import { abortedCause, type Cause, gaveWayCause } from './cause.ts';
import { TotalTimeoutError } from './errors.ts';
import { onAbort } from './on-abort.ts';
import { failureOf } from './transport-failure.ts';
import type { AnswerHeaders } from './verdict.ts';

export interface HttpRequest {
  readonly method: 'GET' | 'POST';
  /** Path and query, escaped. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer | null;
  /** The answer is read up to here, then cut. */
  readonly maxAnswerBytes: number;
}

/** What became of a request: an answer, whole or cut, or none. */
export type Exchange =
  | {
      readonly kind: 'answered';
      readonly status: number;
      readonly headers: AnswerHeaders;
      readonly body: string;
      readonly cut: boolean;
    }
  | { readonly kind: 'failed'; readonly cause: Cause };

/** When to give an answer up before its time is over. */
export interface GiveWay {
  /** The least that every request gets. */
  readonly afterMs: number;
  /** Asked from then on: whether something else needs the place more. */
  readonly isCrowded: () => boolean;
}

export interface AnswerTimes {
  /** From the request's start to the answer's last byte. */
  readonly totalTimeoutMs: number;
  readonly giveWay?: GiveWay;
}

/** How often a request that may have to give way looks whether it has to. */
const LOOK_AGAIN_MS = 100;

/**
 * Gathers one answer. It works on undici's dispatch interface, not on `request`, since a stream per answer nearly
 * doubled the CPU of a small POST. States: waiting → answering (status and headers are here) → settled. The first
 * settling wins; one that comes from here, not from the connection, leaves the connection unusable (`abandoned`).
 */
export class AnswerCollector implements Dispatcher.DispatchHandler {
  readonly settled: Promise<Exchange>;
  /** The rest of the answer may still come: the connection must go. */
  abandoned = false;
  #resolve: ((exchange: Exchange) => void) | null = null;
  #status = 0;
  #headers: AnswerHeaders = {};
  readonly #chunks: Buffer[] = [];
  #bytes = 0;
  readonly #maxBytes: number;
  readonly #timer: NodeJS.Timeout;
  #crowdTimer: NodeJS.Timeout | undefined;
  readonly #forgetSignal: () => void;

  constructor(request: HttpRequest, origin: string, times: AnswerTimes, signal: AbortSignal) {
    this.settled = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    this.#maxBytes = request.maxAnswerBytes;
    const { totalTimeoutMs, giveWay } = times;
    this.#timer = setTimeout(() => {
      const operation = `${request.method} ${origin}${request.path.replace(/\?.*/, '')}`;
      const error = new TotalTimeoutError(operation, totalTimeoutMs);
      this.#giveUp({ kind: 'failed', cause: failureOf(error, false) });
    }, totalTimeoutMs);
    if (giveWay) this.#giveWayAfter(giveWay, giveWay.afterMs);
    this.#forgetSignal = onAbort(signal, () => this.#giveUp({ kind: 'failed', cause: abortedCause }));
  }

  /** undici takes a handler without this for one of the old kind. */
  onRequestStart(): void {}

  onResponseStart(_: unknown, status: number, headers: AnswerHeaders): void {
    if (status < 200) return;
    this.#status = status;
    this.#headers = headers;
  }

  onResponseData(_: unknown, chunk: Buffer): void {
    const room = this.#maxBytes - this.#bytes;
    this.#chunks.push(chunk.length > room ? chunk.subarray(0, room) : chunk);
    this.#bytes += Math.min(chunk.length, room);
    if (chunk.length > room) this.#giveUp(this.#answer(true));
  }

  onResponseEnd(): void {
    this.#settle(this.#answer(false));
  }

  onResponseError(_: unknown, error: Error): void {
    this.#settle({ kind: 'failed', cause: failureOf(error, this.#status !== 0) });
  }

  #giveWayAfter(giveWay: GiveWay, waitMs: number): void {
    this.#crowdTimer = setTimeout(() => {
      if (giveWay.isCrowded()) this.#giveUp({ kind: 'failed', cause: gaveWayCause });
      else this.#giveWayAfter(giveWay, LOOK_AGAIN_MS);
    }, waitMs);
  }

  #answer(cut: boolean): Exchange {
    const body = Buffer.concat(this.#chunks).toString('utf8');
    return { kind: 'answered', status: this.#status, headers: this.#headers, body, cut };
  }

  #giveUp(exchange: Exchange): void {
    if (this.#resolve === null) return;
    this.abandoned = true;
    this.#settle(exchange);
  }

  #settle(exchange: Exchange): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#crowdTimer);
    this.#forgetSignal();
    this.#resolve?.(exchange);
    this.#resolve = null;
  }
}
