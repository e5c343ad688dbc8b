/**
 * - `redis-not-found`: there is none, and none could be installed.
 * - `redis-in-use`: a process that lives has one running on this folder.
 * - `redis-foreign`: a server runs there that is not ours to use.
 * - `redis-folder`: the folder can't be used.
 * - `redis-data-corrupt`: the server refuses its own files.
 * - `redis-data-newer`: the files are of a newer version than the server.
 * - `redis-start-failed`, `redis-stop-failed`: anything else.
 */
export type EmbeddedRedisErrorCode =
  | 'redis-not-found'
  | 'redis-in-use'
  | 'redis-foreign'
  | 'redis-folder'
  | 'redis-data-corrupt'
  | 'redis-data-newer'
  | 'redis-start-failed'
  | 'redis-stop-failed';

/** There is no embedded Redis to be had: why, and what to do. */
export class EmbeddedRedisError extends Error {
  override readonly name = 'EmbeddedRedisError';
  readonly code: EmbeddedRedisErrorCode;

  constructor(code: EmbeddedRedisErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** The `code` of a system error, such as ENOENT; '' for anything else. */
export function systemCode(error: unknown): string {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return typeof code === 'string' ? code : '';
}
