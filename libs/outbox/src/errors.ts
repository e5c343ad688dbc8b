/** What Redis gave back is not what was put there. Its points can't be sent; `job` names where they are kept. */
export class CorruptDeliveryError extends Error {
  override readonly name = 'CorruptDeliveryError';
  readonly code = 'corrupt';

  constructor(job: string, why: string, options?: { cause?: unknown }) {
    super(`delivery ${job} is damaged in Redis: ${why}`, options);
  }
}
