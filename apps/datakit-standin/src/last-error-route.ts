import type { IncomingMessage } from 'node:http';
import { type Answer, failure, ok } from './answer.ts';

export interface LastError {
  readonly input: string;
  readonly source: string;
  readonly content: string;
  readonly receivedMs: number;
}

/** `POST /v1/lasterror`. What is missing is answered with 500, as recorded. */
export function lastError(body: Buffer, receivedMs: number, keep: (error: LastError) => void): Answer {
  let message: unknown;
  try {
    message = JSON.parse(body.toString('utf8'));
  } catch {
    return failure(500, 'invalidJSONBody:UnexpectedEndOfJSONInput');
  }
  const { input, source, err_content: content } = (message ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof input !== 'string' || typeof content !== 'string' || input === '' || content === '') {
    return failure(500, 'inputOrErrcontentCanNotBeNil');
  }
  keep({ input, source: typeof source === 'string' ? source : '', content, receivedMs });
  return ok();
}

/** Whoever speaks through a proxy counts as remote, wherever the proxy is. */
export function isLocal(request: IncomingMessage): boolean {
  if (request.headers['x-forwarded-for'] !== undefined || request.headers['x-real-ip'] !== undefined)
    return false;
  const address = request.socket.remoteAddress ?? '';
  return address === '::1' || address.startsWith('127.') || address.startsWith('::ffff:127.');
}
