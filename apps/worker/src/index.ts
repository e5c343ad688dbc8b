export { type Route, routeReport } from './destination.ts';
export type { WorkerEvent } from './events.ts';
export {
  InputSupply,
  type InputSupplyOptions,
  InputUnavailableError,
  type OpenInput,
} from './input-supply.ts';
export type { Outlet, PointCounts, RunOrigin } from './outlet.ts';
export { RunReports, type RunReportsEnd, type RunReportsOptions } from './run-reports.ts';
export { DEFAULT_DATAKIT, Worker, type WorkerOptions } from './worker.ts';
