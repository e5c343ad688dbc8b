export { type Accounts, accountsOf } from './accounts.ts';
export {
  type Confinement,
  type ConfinementLimits,
  confinementOf,
  type SandboxLevel,
  type Surroundings,
  unconfined,
} from './confinement.ts';
export { type Identity, ownIdentity, readableTo, type Step, type WayTo } from './identity.ts';
export { defaultPolicy, type Policy, policyLimits, policySchema } from './policy.ts';
export { type PolicyKey, policyTexts } from './policy-texts.ts';
export { describeProbe, needsOwnUid, type SandboxProbe, sandboxProbeSchema } from './probe.ts';
export { folderToAllow, type Refusal, refusalHints, refusalSchema } from './refusal.ts';
export { programPaths, systemReadPaths } from './system-paths.ts';
