import { randomBytes } from 'node:crypto';
import { readSettings, type Settings } from '@pythond/config';
import { Normalizer, type NormalizerEvent } from '@pythond/normalizer';
import type { OutboxOptions } from '@pythond/outbox';
import type { RedisTarget } from '@pythond/queue';
import { Candidate, type SchedulerEvent } from '@pythond/scheduler';
import { createLogger, type Logger } from '@pythond/telemetry';
import { Worker, type WorkerEvent } from '@pythond/worker';
import type { Context } from './context.ts';
import type { FleetKeys } from './fleet-keys.ts';
import { corePath, version } from './version.ts';

export interface AppOptions {
  readonly context: Context;
  readonly settings: Settings;
  readonly redis: RedisTarget;
  readonly keys: FleetKeys;
  /** Where the apps log; null: standard output. */
  readonly logFile: string | null;
}

export function makeScheduler(options: AppOptions, onEvent?: (event: SchedulerEvent) => void): Candidate {
  const { settings, context, redis, keys } = options;
  const { home, datakitUrl } = settings;
  const { env } = context;
  return new Candidate({
    name: `${settings.workerName}-${randomBytes(3).toString('hex')}`,
    ...{ home, settings, redis, env, datakit: datakitUrl, log: logger('scheduler', options) },
    readSettings: () => readSettings({ home, env }),
    signingKey: keys.signing,
    ...(onEvent ? { onEvent } : {}),
  });
}

export function makeWorker(options: AppOptions, onEvent?: (event: WorkerEvent) => void): Worker {
  const { settings, context, redis, keys } = options;
  const { pools, host, concurrency, hosts, residents, datakitUrl, cacheDir, secretsDirs, sandbox } = settings;
  return new Worker({
    // two workers of one machine have one name in the settings, but each is one of the fleet
    name: `${settings.workerName}-${randomBytes(3).toString('hex')}`,
    ...{
      version,
      redis,
      host,
      pools,
      concurrency,
      cacheDir,
      secretsDirs,
      sandbox,
      corePath,
      env: context.env,
    },
    ...{
      maxHosts: hosts,
      maxHostBytes: settings.hostsMemory,
      maxResidents: residents,
      datakit: datakitUrl,
      late: settings.late,
    },
    drainMs: settings.drainMs,
    outbox: outboxOptions(settings),
    trustedKeys: keys.trusted,
    log: logger('worker', options),
    ...(onEvent ? { onEvent } : {}),
  });
}

export function makeNormalizer(options: AppOptions, onEvent?: (event: NormalizerEvent) => void): Normalizer {
  const { settings, redis } = options;
  const { datakitUrl, deadLetterAgeMs, late } = settings;
  return new Normalizer({
    ...{ redis, deadLetterAgeMs, late, log: logger('normalizer', options) },
    fleetMetrics: settings.fleetMetrics === 'on',
    datakit: datakitUrl,
    outbox: outboxOptions(settings),
    ...(onEvent ? { onEvent } : {}),
  });
}

function outboxOptions({ outboxBytes, deadLetterBytes }: Settings): OutboxOptions {
  return { maxBytes: outboxBytes, letterBytes: deadLetterBytes };
}

function logger(app: string, { settings, logFile }: AppOptions): Logger {
  return createLogger({ level: settings.logLevel, app, file: logFile });
}
