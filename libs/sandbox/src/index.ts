export { defaultPolicy, type Policy, policyLimits, policySchema } from './policy.ts';
