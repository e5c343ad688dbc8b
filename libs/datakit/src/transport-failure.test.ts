import { errors } from 'undici';
import { describe, expect, it } from 'vitest';
import { TotalTimeoutError } from './errors.ts';
import { failureOf } from './transport-failure.ts';

const systemError = (code: string) => Object.assign(new Error(`connect ${code}`), { code });

describe('failureOf', () => {
  it.each([
    ['ECONNREFUSED', 'refused'],
    ['ENOTFOUND', 'unreachable'],
    ['EAI_AGAIN', 'unreachable'],
    ['ENETUNREACH', 'unreachable'],
    ['ETIMEDOUT', 'connect-timeout'],
    ['ECONNRESET', 'reset'],
    ['EPIPE', 'reset'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'tls'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'tls'],
    ['EPROTO', 'tls'],
    ['ESOMETHING', 'failed'],
  ])('takes %s for %s', (code, expected) => {
    const error = systemError(code);
    expect(failureOf(error, false)).toMatchObject({ code: expected, answer: null, error });
  });

  it.each([
    [new errors.ConnectTimeoutError('x'), 'connect-timeout'],
    [new errors.HeadersTimeoutError('x'), 'headers-timeout'],
    [new errors.SocketError('x'), 'reset'],
    [new errors.HTTPParserError('x'), 'not-http'],
    [new errors.ClientDestroyedError('x'), 'aborted'],
    [new TotalTimeoutError('POST', 10), 'total-timeout'],
    [new AggregateError([systemError('ECONNREFUSED')]), 'failed'],
  ])('takes %s for %s', (error, expected) => {
    expect(failureOf(error, false).code).toBe(expected);
  });

  it('calls anything half an answer once the answer had begun, but its time-out', () => {
    expect(failureOf(systemError('ECONNRESET'), true).code).toBe('half-answer');
    expect(failureOf(new errors.ResponseContentLengthMismatchError('x'), true).code).toBe('half-answer');
    expect(failureOf(new TotalTimeoutError('POST', 10), true).code).toBe('total-timeout');
  });

  it('says in words what happened', () => {
    expect(failureOf(systemError('ECONNREFUSED'), false).message).toBe(
      'nobody listens: connect ECONNREFUSED',
    );
  });
});
