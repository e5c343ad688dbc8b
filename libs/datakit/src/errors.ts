export type EndpointErrorCode =
  | 'ENDPOINT_MALFORMED'
  | 'ENDPOINT_HOST'
  | 'ENDPOINT_PORT'
  | 'ENDPOINT_SCHEME'
  | 'ENDPOINT_CREDENTIALS'
  | 'ENDPOINT_PATH';

/** An address that can't be a DataKit's. The message holds no password. */
export class EndpointError extends Error {
  override readonly name = 'EndpointError';
  readonly code: EndpointErrorCode;

  constructor(code: EndpointErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** A delivery that no DataKit could take, because we made it wrong. */
export class InvalidDeliveryError extends Error {
  override readonly name = 'InvalidDeliveryError';
  readonly code = 'DELIVERY_INVALID';
}

/** A request that took longer than it may, all in all. */
export class TotalTimeoutError extends Error {
  override readonly name = 'TotalTimeoutError';
  readonly code = 'DATAKIT_TOTAL_TIMEOUT';

  constructor(operation: string, timeoutMs: number) {
    super(`${operation} took longer than ${timeoutMs} ms in all`);
  }
}

/** Points were handed to a batcher that is closing. */
export class BatcherClosedError extends Error {
  override readonly name = 'BatcherClosedError';
  readonly code = 'BATCHER_CLOSED';

  constructor(options?: ErrorOptions) {
    super('the batcher is closed: these points were not sent', options);
  }
}
