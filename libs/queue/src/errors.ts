export type QueueErrorCode =
  | 'redis-unreachable'
  | 'redis-refused'
  | 'redis-url'
  | 'redis-password-file'
  | 'redis-tls-file'
  | 'redis-tls'
  | 'redis-kind'
  | 'redis-too-old'
  | 'redis-not-allowed';

/** Redis can't be used: which one (never with its password), why, and what to do. */
export class QueueError extends Error {
  override readonly name = 'QueueError';
  readonly code: QueueErrorCode;

  constructor(code: QueueErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}
