export { type ConfineOptions, type ConfineRequest, confineInput } from './confine-input.ts';
export { Delivery, type DeliveryOptions } from './delivery.ts';
export { type Route, routeReport } from './destination.ts';
export type { WorkerEvent } from './events.ts';
export { InputSupply, type InputSupplyOptions, type OpenInput } from './input-supply.ts';
export { InputUnavailableError } from './input-unavailable.ts';
export type { Outlet, PointCounts, RunOrigin } from './outlet.ts';
export { RunReports, type RunReportsEnd, type RunReportsOptions } from './run-reports.ts';
export {
  type FindSandboxOptions,
  findSandbox,
  SandboxUnavailableError,
  type WorkerSandbox,
} from './sandbox.ts';
export {
  type Admitted,
  type InputRecords,
  type Purpose,
  TrustedRecords,
  type TrustedRecordsOptions,
  type Use,
} from './trusted-records.ts';
export { DEFAULT_DATAKIT, Worker, type WorkerOptions } from './worker.ts';
