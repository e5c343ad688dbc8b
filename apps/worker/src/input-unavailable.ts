/** Why an input can't be run on this worker. `code` is stable; the message says what to do. */
export class InputUnavailableError extends Error {
  override readonly name = 'InputUnavailableError';
  readonly code: string;

  constructor(code: string, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}
