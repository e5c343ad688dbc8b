import { createDataKitClient, type DataKitClient } from '@pythond/datakit';
import { DEFAULT_DATAKIT } from '@pythond/worker';
import { duration } from '../terminal.ts';
import { type HealthCheck, healthCheck } from './health-check.ts';

const PATIENCE_MS = 5_000;
/** As workers warn of; DataKit overwrites times that are 2 h off. */
const CLOCK_OFF_MS = 60_000;

const told = (
  code: string,
  level: HealthCheck['level'],
  text: string,
  remedy: string | null = null,
): HealthCheck => healthCheck({ group: 'datakit', code, level, text, remedy });

/** @param named where the points go; null: no place says so, and DataKit's default is asked */
export async function checkDatakit(named: string | null, signal: AbortSignal): Promise<HealthCheck[]> {
  const client = createDataKitClient({ connectTimeoutMs: PATIENCE_MS, totalTimeoutMs: PATIENCE_MS });
  try {
    return await ask(client, named, AbortSignal.any([signal, AbortSignal.timeout(2 * PATIENCE_MS)]));
  } finally {
    await client.close();
  }
}

async function ask(client: DataKitClient, named: string | null, signal: AbortSignal): Promise<HealthCheck[]> {
  const endpoint = named ?? DEFAULT_DATAKIT;
  const ping = await client.ping(endpoint, { signal });
  if (ping.kind === 'failed') {
    const text = `${endpoint} does not answer: ${ping.cause.message}`;
    if (named !== null)
      return [told('datakit', 'error', text, 'start it, or correct DATAKIT_URL; points wait meanwhile')];
    const remedy =
      'set DATAKIT_URL to a DataKit; without one `pythond up` starts a stand-in, which keeps nothing';
    return [told('datakit', 'warning', text, remedy)];
  }
  if (ping.status !== 200 || ping.content === null) {
    const text = `${endpoint} answers, but not as a DataKit does (status ${ping.status})`;
    return [told('datakit', 'error', text, 'correct DATAKIT_URL: http://host:9529')];
  }
  const checks = [told('datakit', 'ok', `DataKit ${ping.content.version ?? '?'} at ${endpoint}`)];
  if (!ping.showsHeader) {
    const text = 'its answers have no X-DataKit header: any 200 of what stands there is taken for accepted';
    checks.push(told('datakit-header', 'warning', text, 'a proxy may remove it: let it through'));
  }
  return [...checks, await clock(client, endpoint, signal)];
}

async function clock(client: DataKitClient, endpoint: string, signal: AbortSignal): Promise<HealthCheck> {
  const ntp = await client.ntp(endpoint, { signal });
  if (ntp.kind !== 'answered') {
    return told('datakit-clock', 'warning', 'it does not tell its clock (/v1/ntp)', 'see that NTP sets it');
  }
  const { aheadMs } = ntp;
  if (Math.abs(aheadMs) < CLOCK_OFF_MS)
    return told('datakit-clock', 'ok', 'its clock is that of this machine');
  const way = aheadMs > 0 ? 'behind' : 'ahead of';
  const text = `the clock of this machine is ${duration(Math.abs(aheadMs))} ${way} that of DataKit, which overwrites times that are 2 h off`;
  return told('datakit-clock', 'error', text, 'set both by NTP');
}
