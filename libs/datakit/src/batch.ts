import type { Delivery } from './delivery.ts';
import type { DeadPoints, Resolution, RetryPoints } from './resolve.ts';

/** One line of line protocol; `bytes` is its length in UTF-8, where the maker knows it. */
export interface BatchLine {
  readonly line: string;
  readonly bytes?: number;
}

/** How many of a batch's points are from one `add`, in order. */
export interface OriginShare<O> {
  readonly origin: O;
  readonly points: number;
}

/** What `send` is given: a delivery, and where its points are from. */
export interface Batch<O> extends Delivery {
  readonly body: string;
  readonly lines: readonly string[];
  readonly bytes: number;
  readonly origins: readonly OriginShare<O>[];
}

/** What `send` tells: points in neither `dead` nor `retry` are accepted. A Resolution will do. */
export type BatchResult = Pick<Resolution, 'dead' | 'retry'>;

/** Points that were not sent, or of which `send` did not say what became of them: nobody else takes care of them. */
export interface UnsentPoints {
  readonly indexes: readonly number[];
  readonly error: Error;
}

/** What became of the points of one `add`. Indexes are ascending positions in its lines; each is in one place. */
export interface Outcome {
  readonly accepted: number;
  readonly dead: readonly DeadPoints[];
  /** Not settled; `send` knew, and may have put them by. */
  readonly retry: readonly RetryPoints[];
  readonly unsent: readonly UnsentPoints[];
}

/** One `add` on its way. It is done when every line is counted in its outcome. */
export class Entry<O> {
  readonly origin: O;
  readonly lines: readonly BatchLine[];
  readonly sizes: readonly number[];
  readonly bytes: number;
  readonly addedMs: number;
  /** The first line that is in no batch yet. */
  next = 0;
  readonly outcome: Promise<Outcome>;
  #open: number;
  #accepted = 0;
  readonly #dead: DeadPoints[] = [];
  readonly #retry: RetryPoints[] = [];
  readonly #unsent: UnsentPoints[] = [];
  readonly #resolve: (outcome: Outcome) => void;

  constructor(origin: O, lines: readonly BatchLine[], addedMs: number) {
    this.origin = origin;
    this.lines = lines;
    this.sizes = lines.map(({ line, bytes }) => bytes ?? Buffer.byteLength(line));
    this.bytes = this.sizes.reduce((sum, size) => sum + size, 0);
    this.addedMs = addedMs;
    this.#open = lines.length;
    const { promise, resolve } = withResolve<Outcome>();
    this.outcome = promise;
    this.#resolve = resolve;
    this.#settleWhenDone();
  }

  accepted(count: number): void {
    this.#accepted += count;
    this.#counted(count);
  }

  dead(points: DeadPoints): void {
    this.#dead.push(points);
    this.#counted(points.indexes.length);
  }

  retry(points: RetryPoints): void {
    this.#retry.push(points);
    this.#counted(points.indexes.length);
  }

  unsent(points: UnsentPoints): void {
    this.#unsent.push(points);
    this.#counted(points.indexes.length);
  }

  #counted(count: number): void {
    this.#open -= count;
    this.#settleWhenDone();
  }

  #settleWhenDone(): void {
    if (this.#open > 0) return;
    this.#resolve({ accepted: this.#accepted, dead: this.#dead, retry: this.#retry, unsent: this.#unsent });
  }
}

function withResolve<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((fulfil) => {
    resolve = fulfil;
  });
  return { promise, resolve };
}
