import { causeOf } from './cause.ts';
import type { Clock } from './clock.ts';
import type { Exchange } from './exchange.ts';
import { HeaderKnowledge } from './header-knowledge.ts';
import { ping } from './server-calls.ts';
import type { Transport } from './transport.ts';
import { dependsOnServer, hasAcceptanceHeader, judge, type Verdict } from './verdict.ts';

/** Judges exchanges, and learns by the way which servers mark their answers. */
export class Judgement {
  readonly #transport: Transport;
  readonly #knowledge: HeaderKnowledge;

  constructor(transport: Transport, clock: Clock) {
    this.#transport = transport;
    this.#knowledge = new HeaderKnowledge(clock);
  }

  /** `knownGood`: no fault of the data can be the reason, since the point sent is a good one. */
  async of(endpoint: string, exchange: Exchange, knownGood: boolean, signal: AbortSignal): Promise<Verdict> {
    const verdict = await this.#verdict(endpoint, exchange, signal);
    const meant = knownGood ? blameEndpoint(verdict) : verdict;
    if (isTrouble(meant)) this.#knowledge.forget(endpoint);
    return meant;
  }

  async #verdict(endpoint: string, exchange: Exchange, signal: AbortSignal): Promise<Verdict> {
    if (exchange.kind === 'failed') return { kind: 'unknown', cause: exchange.cause };
    const { status, headers, body } = exchange;
    if (hasAcceptanceHeader(headers)) this.#knowledge.learn(endpoint, true);
    let shows = this.#knowledge.get(endpoint);
    if (shows === null && dependsOnServer(status, headers)) {
      shows = await this.#ask(endpoint, signal);
      if (shows === null) return { kind: 'unknown', cause: HEADER_UNKNOWN };
    }
    return judge(status, headers, body, shows ?? true);
  }

  /** null: the server did not say. */
  async #ask(endpoint: string, signal: AbortSignal): Promise<boolean | null> {
    const answer = await ping(this.#transport, endpoint, signal);
    if (answer.kind === 'failed') return null;
    const fromElsewhere = answer.status === 429 || answer.status === 408 || answer.status >= 500;
    if (!answer.showsHeader && fromElsewhere) return null;
    this.#knowledge.learn(endpoint, answer.showsHeader);
    return answer.showsHeader;
  }
}

const HEADER_UNKNOWN = causeOf(
  'header-unknown',
  'an answer without the X-DataKit header, and /v1/ping did not say whether this server shows one',
);

function blameEndpoint(verdict: Verdict): Verdict {
  switch (verdict.kind) {
    case 'rejected':
    case 'suspect':
    case 'too-large':
    case 'our-bug':
    case 'damaged':
      return { kind: 'endpoint-fault', answer: verdict.answer, scope: 'endpoint' };
    case 'accepted':
    case 'throttled':
    case 'endpoint-fault':
    case 'unknown':
    case 'held':
      return verdict;
  }
}

function isTrouble(verdict: Verdict): boolean {
  return (
    verdict.kind === 'endpoint-fault' || (verdict.kind === 'unknown' && verdict.cause.code !== 'aborted')
  );
}
