import type { Claim, ClaimRequest } from '@pythond/registry';
import { describe, expect, it } from 'vitest';
import { claimSteadily } from './claim-steadily.ts';

const request: ClaimRequest = {
  ...{ scheduler: 's', jobId: 'j', worker: 'w', dueMs: 1, kind: 'grid', knownVersion: '' },
};
const lost: Claim = { kind: 'lost' };

function failing(times: number, onFailure: () => void = () => undefined) {
  const asked: ClaimRequest[] = [];
  const claim = async (what: ClaimRequest) => {
    asked.push(what);
    if (asked.length > times) return lost;
    onFailure();
    throw new Error('Connection is closed.');
  };
  return { asked, claim };
}

describe('a claim', () => {
  it('whose answer is lost is asked for again, the same, until there is one', async () => {
    const leases = failing(2);
    expect(await claimSteadily(leases, request, new AbortController().signal)).toBe(lost);
    expect(leases.asked).toEqual([request, request, request]);
  });

  it('is given up when the job is another’s, or the worker stops', async () => {
    const over = new AbortController();
    const leases = failing(Number.POSITIVE_INFINITY, () => over.abort());
    await expect(claimSteadily(leases, request, over.signal)).rejects.toThrow('Connection is closed.');
    expect(leases.asked).toHaveLength(1);
  });
});
