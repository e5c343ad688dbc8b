import { fullJitter, pause } from '@pythond/lifecycle';
import type { Claim, ClaimRequest, Leases } from '@pythond/registry';

/** A Redis that is away for longer keeps the tick from being this worker's: another one finds it stalled. */
const GIVE_UP_AFTER_MS = 30_000;
const BASE_MS = 100;
const CAP_MS = 2_000;

/**
 * Claims as often as it takes. An answer that was lost may have been a claim: the same worker asking again for the same
 * job gets it, so a connection that breaks costs no run.
 *
 * @throws the last error, when none of half a minute's tries had an answer, or the signal fired
 */
export async function claimSteadily(
  leases: Pick<Leases, 'claim'>,
  request: ClaimRequest,
  signal: AbortSignal,
): Promise<Claim> {
  const untilMs = performance.now() + GIVE_UP_AFTER_MS;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await leases.claim(request);
    } catch (error) {
      if (signal.aborted || performance.now() > untilMs) throw error;
      await pause(
        fullJitter({ baseMs: BASE_MS, capMs: CAP_MS, attempt, random: Math.random }) + BASE_MS,
        signal,
      );
    }
  }
}
