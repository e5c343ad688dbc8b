import { abortedCause, causeOf } from './cause.ts';
import type { DataKitClientOptions, DEFAULTS } from './client-options.ts';
import { systemClock } from './clock.ts';
import { type Delivery, type Destination, pathOf, routeOf } from './delivery.ts';
import { encodeBody } from './encoding.ts';
import type { HttpRequest } from './exchange.ts';
import { Gate } from './gate.ts';
import { Judgement } from './judgement.ts';
import type { Transport } from './transport.ts';
import type { Verdict } from './verdict.ts';

export interface AttemptOptions {
  readonly signal: AbortSignal;
  /** Without compression, for a way that damages it. */
  readonly plain?: boolean | undefined;
  /** Parameters after the delivery's own. */
  readonly extra?: Destination['query'];
  /** The point is a good one: whatever is refused, the endpoint is at fault. */
  readonly knownGood?: boolean;
  readonly maxAnswerBytes?: number;
}

export interface Attempt {
  readonly verdict: Verdict;
  /** The answer's text; empty without an answer. */
  readonly text: string;
}

/** Who waits for a route that was told to slow down holds a place that others need: a second is enough. */
const PATIENCE_MS = 1_000;
const PACED = causeOf('throttled', 'the server asked for fewer requests: nothing was sent');

/** Sends writes: pace, find a place, gate, post, judge, tell. Every write goes this one way. */
export class Sender {
  readonly #transport: Transport;
  readonly #judgement: Judgement;
  readonly #settings: DataKitClientOptions & typeof DEFAULTS;

  constructor(transport: Transport, settings: DataKitClientOptions & typeof DEFAULTS) {
    this.#transport = transport;
    this.#settings = settings;
    this.#judgement = new Judgement(transport, settings.clock ?? systemClock);
  }

  async attempt(delivery: Delivery, options: AttemptOptions): Promise<Attempt> {
    const route = routeOf(delivery);
    const gate = new Gate(this.#settings.health, delivery.endpoint, route);
    const heldBefore = gate.peek();
    if (heldBefore) return unanswered(heldBefore);
    const waitMs = await this.#paced(route, options.signal);
    if (waitMs === null) return unanswered({ kind: 'unknown', cause: abortedCause });
    if (waitMs > 0) return unanswered({ kind: 'held', afterMs: waitMs, cause: PACED });
    const { endpoint } = delivery;
    const { knownGood = false, signal } = options;
    const place = await this.#transport.place(endpoint, signal);
    if (!place) return unanswered({ kind: 'unknown', cause: abortedCause });
    try {
      // Not before there is a place: the circuit may have opened while this request waited.
      const held = gate.enter();
      if (held) return unanswered(held);
      const exchange = await place.exchange(await this.#request(delivery, options), signal);
      // A failure is reported first, so that those who wait for the place see it; judging an answer may need the place.
      if (exchange.kind === 'answered') place.leave();
      const judged = await this.#judgement.of(endpoint, exchange, knownGood, signal);
      const verdict = await this.#slowed(route, judged);
      gate.report(verdict);
      return { verdict, text: exchange.kind === 'answered' ? exchange.body : '' };
    } finally {
      gate.release();
      place.leave();
    }
  }

  async #request(delivery: Delivery, options: AttemptOptions): Promise<HttpRequest> {
    const { plain = false, extra, maxAnswerBytes = this.#settings.maxAnswerBytes } = options;
    const { body, headers } = await encodeBody(delivery, plain, this.#settings);
    return { method: 'POST', path: pathOf(delivery, extra), headers, body, maxAnswerBytes };
  }

  /** 0: go. Else how long to wait; null: stopped while waiting. */
  async #paced(route: string, signal: AbortSignal): Promise<number | null> {
    try {
      const waitMs = (await this.#settings.pacer?.take(route, signal, PATIENCE_MS)) ?? 0;
      return signal.aborted ? null : waitMs;
    } catch (error) {
      if (signal.aborted) return null;
      throw error;
    }
  }

  async #slowed(route: string, verdict: Verdict): Promise<Verdict> {
    const { pacer } = this.#settings;
    if (verdict.kind !== 'throttled' || !pacer) return verdict;
    return { ...verdict, afterMs: await pacer.throttled(route, verdict.afterMs) };
  }
}

function unanswered(verdict: Verdict): Attempt {
  return { verdict, text: '' };
}
