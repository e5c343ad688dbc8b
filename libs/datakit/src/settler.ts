import type { Answer } from './answer.ts';
import type { DeadCode, Slice, SliceFate } from './bisect.ts';
import { type Cause, causeOf, causeOfAnswer } from './cause.ts';
import type { DataKitClient } from './client.ts';
import { bodyOf, type Delivery, linesOf } from './delivery.ts';
import { causeOfFault } from './gate.ts';
import type { Verdict } from './verdict.ts';

/** An endpoint, or a route of it, that takes nothing from anybody. Nobody's points are dead for that. */
export interface Hold {
  readonly endpoint: string;
  readonly scope: 'endpoint' | 'route';
  readonly cause: Cause;
}

/** Why a resolution goes no further now. */
export interface Stop {
  readonly cause: Cause;
  readonly afterMs: number | null;
  readonly hold: Hold | null;
}

type Fate = SliceFate<Stop>;
type Client = Pick<DataKitClient, 'send' | 'probe'>;

const BUDGET_SPENT: Fate = stop(causeOf('budget', 'the requests that one try may make are used up'));

/** Finds out what becomes of slices of one delivery, by sending them. */
export class Settler {
  requests = 0;
  readonly #client: Client;
  readonly #delivery: Delivery;
  readonly #signal: AbortSignal;
  readonly #budget: number;
  /** Compression was damaged once: not again. */
  #plain = false;
  #probed = false;
  #lines: readonly string[] | null | undefined;

  constructor(client: Client, delivery: Delivery, signal: AbortSignal, budget: number) {
    this.#client = client;
    this.#delivery = delivery;
    this.#signal = signal;
    this.#budget = budget;
  }

  async fateOf(slice: Slice): Promise<Fate> {
    const fate = await this.#sent(slice);
    const mustSplit = (fate.kind === 'bad' || fate.kind === 'too-large') && slice.end - slice.start > 1;
    if (!mustSplit || this.#allLines() !== null) return fate;
    // The lines can't be told apart: such a batch is one thing and shares one fate.
    return { kind: 'dead', code: fate.kind === 'bad' ? fate.code : 'too-large', answer: fate.answer };
  }

  async #sent(slice: Slice): Promise<Fate> {
    if (this.requests >= this.#budget) return BUDGET_SPENT;
    this.requests++;
    const verdict = await this.#client.send(this.#part(slice), { signal: this.#signal, plain: this.#plain });
    switch (verdict.kind) {
      case 'accepted':
        return { kind: 'accepted' };
      case 'rejected':
        return { kind: 'bad', code: 'rejected', answer: verdict.answer };
      case 'suspect':
        return this.#suspected(slice, verdict.answer);
      case 'too-large':
        return { kind: 'too-large', answer: verdict.answer };
      case 'our-bug':
        return { kind: 'dead', code: 'our-bug', answer: verdict.answer };
      case 'damaged':
        if (this.#plain) return { kind: 'dead', code: 'damaged', answer: verdict.answer };
        this.#plain = true;
        return this.#sent(slice);
      case 'throttled':
      case 'endpoint-fault':
      case 'unknown':
      case 'held':
        return this.#stopped(verdict);
    }
  }

  /**
   * Not stored, and the server didn't say why. One good point tells whether it stores anything at all: asked once
   * before taking the batch apart, and once more before a single point is called dead.
   */
  async #suspected(slice: Slice, answer: Answer): Promise<Fate> {
    const single = slice.end - slice.start === 1;
    const code: DeadCode = answer.status < 300 ? 'not-acknowledged' : 'rejected';
    if (this.#probed && !single) return { kind: 'bad', code, answer };
    if (this.requests >= this.#budget) return BUDGET_SPENT;
    this.requests++;
    const probe = await this.#client.probe(this.#delivery, { signal: this.#signal });
    if (probe.kind !== 'accepted') return this.#stopped(probe);
    this.#probed = true;
    return { kind: 'bad', code, answer };
  }

  #stopped(verdict: Verdict): Fate {
    switch (verdict.kind) {
      case 'unknown':
        return stop(verdict.cause);
      case 'held':
        return stop(verdict.cause, verdict.afterMs);
      case 'throttled':
        return stop(causeOfAnswer('throttled', 'too many requests', verdict.answer), verdict.afterMs);
      case 'endpoint-fault': {
        const cause = causeOfFault(verdict);
        const { endpoint } = this.#delivery;
        return {
          kind: 'stop',
          why: { cause, afterMs: null, hold: { endpoint, scope: verdict.scope, cause } },
        };
      }
      default:
        return stop(causeOf('failed', `a probe came back ${verdict.kind}`));
    }
  }

  #part({ start, end }: Slice): Delivery {
    if (end - start === this.#delivery.points) return this.#delivery;
    const lines = (this.#allLines() ?? []).slice(start, end);
    return { ...this.#delivery, body: bodyOf(this.#delivery.form, lines), points: lines.length, lines };
  }

  #allLines(): readonly string[] | null {
    if (this.#lines === undefined) this.#lines = linesOf(this.#delivery);
    return this.#lines;
  }
}

function stop(cause: Cause, afterMs: number | null = null): Fate {
  return { kind: 'stop', why: { cause, afterMs, hold: null } };
}
