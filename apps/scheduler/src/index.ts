export { type Adoption, adopt } from './adopt.ts';
export { Candidate, type CandidateOptions } from './candidate.ts';
export type { SchedulerEvent } from './events.ts';
export type { HomeReading } from './home-reader.ts';
export { readHome } from './read-home.ts';
export {
  contentOf,
  describeBundleProblem,
  discoverAgain,
  type PreparedInput,
  prepareInput,
} from './rollout.ts';
export { type Corrections, correctSchedules, type ScheduleFault } from './schedules.ts';
export { SealWatch, type SealWatchDeps } from './seal-watch.ts';
