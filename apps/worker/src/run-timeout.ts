import { type CollectorRecord, defaultTimeoutMs } from '@pythond/jobs';
import type { Catalogue } from '@pythond/runner';
import type { OpenInput } from './input-supply.ts';

/**
 * How long a run may take, milliseconds. A collector's record is not signed: with a signed input it shortens what the
 * signed block says, or the class of the signed bundle, and does not lengthen it.
 */
export function runTimeoutMs(
  { key, timeoutMs }: Pick<CollectorRecord, 'key' | 'timeoutMs'>,
  { record, seal }: Pick<OpenInput, 'record' | 'seal'>,
  { collectors }: Pick<Catalogue, 'collectors'>,
): number {
  if (!seal) return timeoutMs;
  const found = collectors.find((one) => one.key === key);
  const everyMs = record.intervalMs ?? Math.round((found?.interval ?? 0) * 1000);
  const ofClass = found?.timeout ? Math.ceil(found.timeout * 1000) : defaultTimeoutMs(everyMs);
  return Math.min(timeoutMs, record.timeoutMs ?? ofClass);
}
