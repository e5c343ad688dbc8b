export { type Answer, MAX_KEPT_ANSWER } from './answer.ts';
export type {
  Batch,
  BatchLine,
  BatchResult,
  OriginShare,
  Outcome,
  UnsentPoints,
} from './batch.ts';
export { type Batcher, type BatcherOptions, createBatcher } from './batcher.ts';
export {
  type Bisection,
  bisect,
  type DeadCode,
  type DeadSlice,
  type Slice,
  type SliceFate,
} from './bisect.ts';
export type { Cause, CauseCode } from './cause.ts';
export type { HealthState } from './circuit.ts';
export {
  createDataKitClient,
  type DataKitClient,
  type DryRun,
  type EchoFormat,
  type SendOptions,
} from './client.ts';
export type { DataKitClientOptions } from './client-options.ts';
export { type Clock, systemClock } from './clock.ts';
export { bodyOf, type Delivery, type Destination, type PointForm } from './delivery.ts';
export { endpointOf, isLoopback, parseEndpoint } from './endpoint.ts';
export {
  BatcherClosedError,
  EndpointError,
  type EndpointErrorCode,
  InvalidDeliveryError,
  TotalTimeoutError,
} from './errors.ts';
export type { GiveWay } from './exchange.ts';
export {
  type Admission,
  createEndpointHealth,
  type EndpointHealth,
  type EndpointHealthOptions,
  type HealthChange,
} from './health.ts';
export { splitLines } from './line-splitter.ts';
export { createPacer, DEFAULT_PER_SECOND, type Pacer, type PacerOptions } from './pacer.ts';
export type { RateLease, RateSource } from './rate-source.ts';
export {
  type DeadPoints,
  type Resolution,
  type ResolveOptions,
  type RetryPoints,
  resolveDelivery,
} from './resolve.ts';
export { type Share, selectShares } from './selection.ts';
export type { Ntp, Ping, PingContent } from './server-calls.ts';
export type { Hold } from './settler.ts';
export { createSharedPacer, type SharedPacerOptions } from './shared-pacer.ts';
export { type HealthLog, tellHealth } from './tell-health.ts';
export { ACCEPTANCE_HEADER, type AnswerHeaders, judge, type Verdict } from './verdict.ts';
