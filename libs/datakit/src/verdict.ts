import { type Answer, answerOf } from './answer.ts';
import { type Cause, causeOfAnswer } from './cause.ts';

/** What an answer, or the lack of one, means for the points that were sent. */
export type Verdict =
  /** In DataKit's memory. */
  | { readonly kind: 'accepted' }
  /** At least one point is bad, for ever, and none was stored. */
  | { readonly kind: 'rejected'; readonly answer: Answer }
  /** Not stored, and not said why: a probe tells bad data from a bad endpoint. */
  | { readonly kind: 'suspect'; readonly answer: Answer }
  | { readonly kind: 'too-large'; readonly answer: Answer }
  | { readonly kind: 'throttled'; readonly answer: Answer; readonly afterMs: number | null }
  /** The endpoint, or this route of it, takes nothing from anybody. */
  | { readonly kind: 'endpoint-fault'; readonly answer: Answer; readonly scope: 'endpoint' | 'route' }
  /** Stored or not: send the same bytes again. */
  | { readonly kind: 'unknown'; readonly cause: Cause }
  /** We sent nonsense: never again. */
  | { readonly kind: 'our-bug'; readonly answer: Answer }
  /** The encoding broke on the way: once more without. */
  | { readonly kind: 'damaged'; readonly answer: Answer }
  /** Nothing was sent: the circuit is open. */
  | { readonly kind: 'held'; readonly afterMs: number; readonly cause: Cause };

export type AnswerHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/** The header by which DataKit owns its answers. Lower case, as Node gives them. */
export const ACCEPTANCE_HEADER = 'x-datakit';

const DATA_IS_BAD = new Set([
  'invalidLinePoint',
  'invalidJsonPoint',
  'invalidProtobufPoint',
  'pointGotWarning',
]);
const ROUTE_IS_CLOSED = new Set([403, 404, 405]);
const WE_ARE_BAD = new Set(['emptyBody', 'noPoints']);

/**
 * The verdict table. `headers` have lower-case names; `serverShowsHeader` says whether this server marks its answers
 * with the acceptance header: one that never does is believed on a plain 2xx.
 */
export function judge(
  status: number,
  headers: AnswerHeaders,
  body: string,
  serverShowsHeader: boolean,
): Verdict {
  const answer = answerOf(status, body);
  const genuine = hasAcceptanceHeader(headers) || !serverShowsHeader;
  if (status === 408) return unknown('request-timeout', answer);
  if (status >= 500) return unknown('server-error', answer);
  if (status === 413) return { kind: 'too-large', answer };
  if (status === 429) return { kind: 'throttled', answer, afterMs: retryAfterMs(headers['retry-after']) };
  if (status >= 200 && status < 300) return genuine ? { kind: 'accepted' } : { kind: 'suspect', answer };
  if (!genuine || status < 400) return endpointFault(answer);
  return refusal(answer, hasAcceptanceHeader(headers));
}

/** Whether `judge` would answer differently for a server that shows the header and for one that does not. */
export function dependsOnServer(status: number, headers: AnswerHeaders): boolean {
  if (hasAcceptanceHeader(headers)) return false;
  return (status >= 200 && status < 300) || status === 400;
}

export function hasAcceptanceHeader(headers: AnswerHeaders): boolean {
  return headers[ACCEPTANCE_HEADER] !== undefined;
}

/** A 4xx of the server itself. */
function refusal(answer: Answer, owned: boolean): Verdict {
  const { status, code } = answer;
  if (status === 400 && code !== null) {
    if (DATA_IS_BAD.has(code)) return { kind: 'rejected', answer };
    if (WE_ARE_BAD.has(code)) return { kind: 'our-bug', answer };
    if (code === 'decodeBodyFailed') return { kind: 'damaged', answer };
    if (code === 'invalidCategory') return endpointFault(answer, 'route');
  }
  // A refusal that the table doesn't know: only a probe can tell whether the points or the endpoint are meant.
  if (owned && !ROUTE_IS_CLOSED.has(status)) return { kind: 'suspect', answer };
  return endpointFault(answer);
}

function endpointFault(answer: Answer, scope: 'endpoint' | 'route' = 'endpoint'): Verdict {
  return { kind: 'endpoint-fault', answer, scope };
}

function unknown(code: 'request-timeout' | 'server-error', answer: Answer): Verdict {
  return { kind: 'unknown', cause: causeOfAnswer(code, 'no answer that counts', answer) };
}

/** DataKit sends no Retry-After; a proxy may. Seconds only: a date would need the other clock. */
function retryAfterMs(value: string | readonly string[] | undefined): number | null {
  return typeof value === 'string' && /^\d{1,5}$/.test(value) ? Number(value) * 1000 : null;
}
