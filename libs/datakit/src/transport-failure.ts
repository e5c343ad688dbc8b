import { errors } from 'undici';
import type { Cause, CauseCode } from './cause.ts';
import { TotalTimeoutError } from './errors.ts';

const CODES: Readonly<Record<string, CauseCode>> = {
  ECONNREFUSED: 'refused',
  ENOTFOUND: 'unreachable',
  EAI_AGAIN: 'unreachable',
  EAI_FAIL: 'unreachable',
  EHOSTUNREACH: 'unreachable',
  EHOSTDOWN: 'unreachable',
  ENETUNREACH: 'unreachable',
  EADDRNOTAVAIL: 'unreachable',
  EACCES: 'unreachable',
  EPERM: 'unreachable',
  ETIMEDOUT: 'connect-timeout',
  UND_ERR_CONNECT_TIMEOUT: 'connect-timeout',
  UND_ERR_HEADERS_TIMEOUT: 'headers-timeout',
  ECONNRESET: 'reset',
  EPIPE: 'reset',
  UND_ERR_SOCKET: 'reset',
  UND_ERR_HEADERS_OVERFLOW: 'not-http',
  // Closed by ourselves.
  UND_ERR_DESTROYED: 'aborted',
  UND_ERR_CLOSED: 'aborted',
};

const TLS_CODES = /^(ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|EPROTO$)/;

/** Why a request brought no whole answer. `answering`: the status and headers had arrived. */
export function failureOf(error: Error, answering: boolean): Cause {
  const code = causeCode(error, answering);
  return { code, message: `${PHRASES[code] ?? 'the request failed'}: ${error.message}`, answer: null, error };
}

function causeCode(error: Error, answering: boolean): CauseCode {
  if (error instanceof TotalTimeoutError) return 'total-timeout';
  if (answering) return 'half-answer';
  // Its `code` is undefined or HPE_…, depending on the error.
  if (error instanceof errors.HTTPParserError) return 'not-http';
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (TLS_CODES.test(code)) return 'tls';
  return CODES[code] ?? 'failed';
}

const PHRASES: Partial<Record<CauseCode, string>> = {
  refused: 'nobody listens',
  unreachable: 'no way to the host',
  reset: 'the connection broke before an answer',
  'half-answer': 'the connection broke in the middle of an answer',
  'connect-timeout': 'no connection in time',
  'headers-timeout': 'no answer in time',
  'total-timeout': 'no whole answer in time',
  tls: 'no TLS with this server',
  'not-http': 'the answer is not HTTP',
};
