export type { LastError } from './last-error-route.ts';
export type { StoredPoint, StoredValue } from './point-log.ts';
export type { ReceivedCounts } from './service.ts';
export { type Standin, type StandinOptions, startStandin } from './standin.ts';
export type { AcceptedRequest } from './write-route.ts';
