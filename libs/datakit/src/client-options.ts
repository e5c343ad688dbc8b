import type { Clock } from './clock.ts';
import type { GiveWay } from './exchange.ts';
import type { EndpointHealth } from './health.ts';
import type { Pacer } from './pacer.ts';

export interface DataKitClientOptions {
  /** Sockets per endpoint, and so requests at once. Default 8. */
  readonly connections?: number;
  /** Default 3 s. */
  readonly connectTimeoutMs?: number;
  /** Default 8 s. */
  readonly headersTimeoutMs?: number;
  /** From the first attempt to connect to the last byte of the answer. Default 10 s. */
  readonly totalTimeoutMs?: number;
  /**
   * When a request without an answer gives way to others, before its time is over: it counts as timed out. For callers
   * with a bounded number of places, which requests to a dead endpoint must not hold. None: never.
   */
  readonly giveWay?: GiveWay;
  /** How much of an answer is read. Default 64 KiB. */
  readonly maxAnswerBytes?: number;
  /** Endpoints with open sockets, the longest unused giving way. Default 64. */
  readonly maxEndpoints?: number;
  /** Bodies above this are compressed. Default 1 KiB. */
  readonly gzipAboveBytes?: number;
  /** Default 1. */
  readonly gzipLevel?: number;
  /** A certificate authority to trust beside the usual ones, PEM. */
  readonly ca?: string;
  /** Asked before every write; none: no limit. */
  readonly pacer?: Pacer;
  /** Asked before and told after every write; none: every endpoint counts as healthy. */
  readonly health?: EndpointHealth;
  readonly clock?: Clock;
}

export const DEFAULTS = {
  connections: 8,
  connectTimeoutMs: 3000,
  headersTimeoutMs: 8000,
  totalTimeoutMs: 10_000,
  maxAnswerBytes: 64 * 1024,
  maxEndpoints: 64,
  gzipAboveBytes: 1024,
  gzipLevel: 1,
};
