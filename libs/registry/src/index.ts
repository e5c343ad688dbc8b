export { BundleArchive } from './bundle-archive.ts';
export { Collectors, type CollectorView } from './collectors.ts';
export {
  Fleet,
  HEARTBEAT_MS,
  type Heartbeat,
  type Problem,
  type Published,
  problemSchema,
  type WorkerView,
} from './fleet.ts';
export { clockText, FleetClock, type FleetClockOptions } from './fleet-clock.ts';
export { type HeldBack, heldBackProblem, heldProblem } from './held-problem.ts';
export type {
  HoldReason,
  InputVersion,
  VersionCause,
  VersionFacts,
  VersionState,
} from './input-version.ts';
export {
  type InputContent,
  type InputOrigin,
  Inputs,
  type KnownInput,
  type PutResult,
  type Rollout,
} from './inputs.ts';
export { keys } from './keys.ts';
export { GatheredLags, LAG_BOUNDS_MS, type PoolLag } from './lags.ts';
export {
  type CandidateView,
  Leadership,
  type LeaderView,
  STAND_EVERY_MS,
  type Stand,
  type StateLosses,
} from './leadership.ts';
export {
  type Claim,
  type ClaimRequest,
  LEASE_MS,
  LEASE_RENEW_MS,
  Leases,
  type Release,
  type ReleasedPoints,
  stateVersionOf,
} from './leases.ts';
export { type Pause, Pauses, type PauseTarget, pausesOf } from './pauses.ts';
export { Rates, type RatesOptions } from './rates.ts';
export {
  type PassEnd,
  type PassStart,
  type ResidentClaim,
  type ResidentNews,
  Residents,
  type ResidentView,
  type WantedResident,
} from './residents.ts';
export { renumbered, type SealedRecord, Sealer, type SealerOptions, type StoredRecord } from './sealer.ts';
export { namesIn, STATE_OF_GONE_MS, type StateNames, States, type StateView } from './states.ts';
export { Templates } from './templates.ts';
export {
  skippedTicks,
  sumOfTicks,
  type TickCounts,
  tickCounts,
  unaccountedTicks,
} from './tick-counts.ts';
