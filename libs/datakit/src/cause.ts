import type { Answer } from './answer.ts';

/** Why points are not accepted yet. Stable: they stand in records, metrics and tests. */
export type CauseCode =
  /** Nobody listens. */
  | 'refused'
  /** The name or the address leads nowhere. */
  | 'unreachable'
  /** The connection broke before an answer. */
  | 'reset'
  /** The connection broke in the middle of an answer. */
  | 'half-answer'
  | 'connect-timeout'
  | 'headers-timeout'
  | 'total-timeout'
  /** No answer yet, and others needed the place. */
  | 'gave-way'
  | 'tls'
  /** What came back is not HTTP. */
  | 'not-http'
  | 'failed'
  /** 5xx. */
  | 'server-error'
  /** 408: DataKit may have stored the points. */
  | 'request-timeout'
  /** An answer without the acceptance header, and no way to learn whether the server shows one. */
  | 'header-unknown'
  /** We stopped. */
  | 'aborted'
  | 'throttled'
  | 'endpoint-fault'
  /** 200 without the acceptance header, for a point that is known to be good, too. */
  | 'not-acknowledged'
  /** The endpoint's circuit is open: nothing was sent. */
  | 'held'
  /** The requests that one resolution may make are used up. */
  | 'budget';

export interface Cause {
  readonly code: CauseCode;
  readonly message: string;
  readonly answer: Answer | null;
  readonly error: Error | null;
}

export function causeOf(code: CauseCode, message: string, answer: Answer | null = null): Cause {
  return { code, message, answer, error: null };
}

export function causeOfAnswer(code: CauseCode, what: string, answer: Answer): Cause {
  const said = answer.code ?? answer.body.slice(0, 200).replace(/\s+/g, ' ').trim();
  return causeOf(code, `${what}: ${answer.status}${said === '' ? '' : ` ${said}`}`, answer);
}

export const gaveWayCause: Cause = causeOf('gave-way', 'no answer yet, and others needed its place');

export const abortedCause: Cause = causeOf('aborted', 'stopped before there was an answer');
