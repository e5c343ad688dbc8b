export { type Adoption, adopt } from './adopt.ts';
export type { SchedulerEvent } from './events.ts';
export { contentOf, describeBundleProblem, type PreparedInput, prepareInput } from './rollout.ts';
export { Scheduler, type SchedulerOptions } from './scheduler.ts';
