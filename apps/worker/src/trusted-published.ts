import { checkSeal, type TrustedKey } from '@pythond/jobs';
import type { StoredRecord } from '@pythond/registry';

/**
 * Says which of the scheduler's publications a worker believes: the DataKit of those that name none, and the `cmd`s that it
 * tries. Where points go and what is started is as much to be believed as a record: with keys, what is not signed with any
 * of them as that very field, or no longer, counts as not there.
 */
export function publishedJudge(
  keys: readonly TrustedKey[] | null,
  now: () => number,
): (field: string, stored: StoredRecord) => boolean {
  if (!keys) return () => true;
  return (field, { text, seal }) => {
    const check = checkSeal({ kind: `published ${field}`, text }, seal, keys);
    return check.ok && check.seal.endsMs > now();
  };
}
