export { defaultPolicy, type Policy, policySchema } from './policy.ts';
