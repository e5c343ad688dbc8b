export type { NormalizerEvent } from './events.ts';
export { Normalizer, type NormalizerOptions } from './normalizer.ts';
