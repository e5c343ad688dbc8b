import { availableParallelism, hostname } from 'node:os';
import { HOST_NAME, toHostName } from '@pythond/jobs';
import { readPool } from './block-key.ts';
import { durationReader } from './duration.ts';
import {
  choiceReader,
  distinct,
  filledListReader,
  integerReader,
  patternReader,
  readText,
} from './readers.ts';
import type { Reader } from './reading.ts';
import { sizeReader } from './size.ts';
import { readOrigin, readRedisUrl } from './url.ts';

/** One setting. The table of these drives parsing, suggestions and the reference. */
export interface SettingKey<T> {
  readonly read: Reader<T>;
  /** What an absent setting means; null also where the default depends on the home. */
  readonly fallback: T;
  /** Its variable, where it is not `PYTHOND_` and its name. */
  readonly env?: string;
  /** Its flag, where that is not its name. */
  readonly flag?: string;
  /** The columns of `docs/configuration.md`, in Markdown. */
  readonly type: string;
  readonly default: string;
  readonly about: string;
  /** How the text of a variable or flag becomes the value that stands in the file: a number, or a list cut here. */
  readonly text?: 'number' | { readonly separator: string };
  /** Whether what was written must not be repeated in a message. */
  readonly secret?: boolean;
}

function setting<T>(key: SettingKey<T>): SettingKey<T> {
  return key;
}

const orNull = <T>(read: Reader<T>): Reader<T | null> => read;
const size = (min: number, bytes: number, written: string, about: string) =>
  setting({
    read: sizeReader({ min, max: Number.MAX_SAFE_INTEGER, example: `"${written}"` }),
    ...{ fallback: bytes, type: 'bytes or size', default: `\`"${written}"\``, about },
  });

const MIB = 1024 ** 2;
const MAX_DEFAULT_CONCURRENCY = 32;
const WORKER_NAME = /^[A-Za-z0-9._-]{1,128}$/;

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

/** Every setting, by the name that it has in the code; `pythond.toml` and the environment derive theirs from it. */
export const settingKeys = {
  redisUrl: setting({
    read: orNull(readRedisUrl),
    fallback: null,
    env: 'REDIS_URL',
    type: 'URL or path',
    default: 'none: `up` brings its own',
    about:
      '`redis://`, `rediss://` (TLS), `unix:///path` or the path of a socket; `redis+sentinel://host,host/NAME`, `redis+cluster://host,host`: [operations](operations.md#redis).',
    secret: true,
  }),
  redisPasswordFile: setting({
    read: orNull(readText),
    ...{ fallback: null, type: 'path', default: 'none' },
    about: 'A file that holds the password, where the URL has none.',
  }),
  redisSentinelPasswordFile: setting({
    read: orNull(readText),
    ...{ fallback: null, type: 'path', default: 'none' },
    about: 'A file that holds the password of the Sentinels, where they ask for one.',
  }),
  redisCaFile: setting({
    read: orNull(readText),
    ...{ fallback: null, type: 'path', default: 'none: whom the machine trusts' },
    about: 'With TLS: the certificates of those who may have signed the one of the Redis, in PEM.',
  }),
  redisCertFile: setting({
    read: orNull(readText),
    ...{ fallback: null, type: 'path', default: 'none' },
    about: 'With TLS: the certificate to show to a Redis that asks for one, in PEM.',
  }),
  redisKeyFile: setting({
    read: orNull(readText),
    ...{ fallback: null, type: 'path', default: 'none' },
    about: 'The key of that certificate.',
  }),
  datakitUrl: setting({
    read: orNull(readOrigin),
    fallback: null,
    ...{ env: 'DATAKIT_URL', flag: '--datakit' },
    type: 'URL',
    default: 'none: that of `datakit.conf` or of the scheduler, else `http://127.0.0.1:9529`',
    about: 'The DataKit that gets the points: `http://host:port` or `https://host:port`, nothing after it.',
    secret: true,
  }),
  concurrency: setting({
    read: integerReader({ min: 1, max: 1000 }),
    fallback: Math.min(2 * availableParallelism(), MAX_DEFAULT_CONCURRENCY),
    ...{ type: 'integer', default: `2 × cores, at most ${MAX_DEFAULT_CONCURRENCY}`, text: 'number' as const },
    about:
      "Runs that a worker has going at once of a pool, and again of its host's own collectors: 1 to 1000.",
  }),
  hosts: setting({
    read: integerReader({ min: 1, max: 1000 }),
    ...{ fallback: 32, type: 'integer', default: '`32`', text: 'number' as const },
    about: 'Python hosts that a worker keeps ready, the least recently used leaving first: 1 to 1000.',
  }),
  hostsMemory: size(
    64 * MIB,
    2048 * MIB,
    '2GiB',
    'What they use together at most; beyond it the idle ones leave, the least recently used first.',
  ),
  residents: setting({
    read: integerReader({ min: 1, max: 1000 }),
    ...{ fallback: 32, type: 'integer', default: '`32`', text: 'number' as const },
    about: 'Residents that a worker holds at most: 1 to 1000.',
  }),
  dataDir: setting({
    read: orNull(readText),
    ...{ fallback: null, type: 'path', default: '`.pythond` in the home' },
    about: 'What the fleet keeps on this machine.',
  }),
  cacheDir: setting({
    read: orNull(readText),
    ...{ fallback: null, type: 'path', default: '`cache` in the data folder' },
    about: 'Unpacked bundles.',
  }),
  secretsDirs: setting({
    read: orNull(distinct(filledListReader(readText, 'secrets_dirs = ["/run/secrets"]'))),
    ...{ fallback: null, type: 'list of paths', default: '`/run/secrets` and `secrets` in the home' },
    ...{ about: 'The only folders that `file://` and `ENC[file:…]` read from.', text: { separator: ':' } },
  }),
  logLevel: setting({
    read: choiceReader(logLevels),
    ...{ fallback: 'info' as const, type: logLevels.map((level) => `\`"${level}"\``).join(', ') },
    ...{ default: '`"info"`', about: 'The least level that is logged.' },
  }),
  workerName: setting({
    read: patternReader(WORKER_NAME, '1 to 128 letters, digits, dots, hyphens and underscores'),
    fallback:
      hostname()
        .replace(/[^A-Za-z0-9._-]/g, '-')
        .slice(0, 128) || 'worker',
    ...{ type: 'string', default: "the machine's name", about: 'What the fleet calls this worker.' },
  }),
  host: setting({
    read: patternReader(HOST_NAME, '1 to 128 letters, digits, dots, hyphens and underscores'),
    fallback: toHostName(hostname()),
    ...{ type: 'string', default: "the machine's name" },
    about: 'What this machine is called where `scope = "host"` names it; workers of one name share one.',
  }),
  pools: setting({
    read: distinct(filledListReader(readPool, 'pools = ["default"]')),
    ...{ fallback: ['default'] as readonly string[], type: 'list of strings', default: '`["default"]`' },
    ...{ about: 'The pools that a worker serves.', text: { separator: ',' } },
  }),
  drain: setting({
    read: durationReader({ minMs: 100, maxMs: 86_400_000, example: '"20s"' }),
    ...{ fallback: 20_000, type: 'seconds or duration', default: '`"20s"`' },
    about:
      'How long the runs of a worker that is told to stop may go on before they go back to the queue: 100 ms to 1 d.',
  }),
  sandbox: setting({
    read: choiceReader(['strict', 'none']),
    fallback: 'strict' as const,
    ...{ type: '`"strict"`, `"none"`', default: '`"strict"`; on macOS `"none"`' },
    about:
      'What a worker has to be able to give: `"strict"` refuses to start where it can\'t. `"none"` confines nothing.',
  }),
  signingKey: setting({
    read: orNull(readText),
    ...{ fallback: null, type: 'path', default: 'none: nothing is signed' },
    about:
      'Scheduler: the private key that it signs the records of inputs with, made by `pythond keys new`. See [security.md](security.md#signed-records).',
  }),
  trustedKeys: setting({
    read: orNull(distinct(filledListReader(readText, 'trusted_keys = ["/etc/pythond/fleet.pub"]'))),
    ...{ fallback: null, type: 'list of paths', default: 'none: it acts on unsigned records' },
    about: 'Worker: public keys; it acts on nothing that is not signed with one of them.',
    text: { separator: ':' },
  }),
  late: setting({
    read: choiceReader(['dead-letter', 'send']),
    ...{ fallback: 'dead-letter' as const, type: '`"dead-letter"`, `"send"`', default: '`"dead-letter"`' },
    about: 'What becomes of metrics older than 110 minutes, whose time DataKit would overwrite with now.',
  }),
  outboxSize: size(MIB, 1024 * MIB, '1GiB', 'What may wait in Redis for a DataKit that is away.'),
  fleetMetrics: setting({
    read: choiceReader(['on', 'off']),
    ...{ fallback: 'on' as const, type: '`"on"`, `"off"`', default: '`"on"`' },
    about: 'Whether DataKit gets the ledger as the metric `pythond_fleet`, once a minute.',
  }),
  deadLetterSize: size(
    MIB,
    256 * MIB,
    '256MiB',
    'What dead letters may hold in Redis; the oldest make room.',
  ),
  deadLetterAge: setting({
    read: durationReader({ minMs: 60_000, maxMs: 3_650 * 86_400_000, example: '"30d"' }),
    ...{ fallback: 30 * 86_400_000, type: 'seconds or duration', default: '`"30d"`' },
    about: 'How long dead letters are kept; of more than 100,000 the oldest go first.',
  }),
  bundleSize: size(1024, 64 * MIB, '64MiB', 'All files of an input together.'),
  bundleFileSize: size(1024, 32 * MIB, '32MiB', 'One file of an input.'),
  bundleFiles: setting({
    read: integerReader({ min: 1, max: 1_000_000 }),
    ...{ fallback: 10_000, type: 'integer', default: '`10000`', text: 'number' as const },
    about: 'How many files an input may have.',
  }),
  discoverTimeout: setting({
    read: durationReader({ minMs: 1000, maxMs: 3_600_000, example: '"60s"' }),
    ...{ fallback: 60_000, type: 'seconds or duration', default: '`"1m"`' },
    about: 'How long the import of an input may take when its collectors are looked for: 1 s to 1 h.',
  }),
  watch: setting({
    read: choiceReader(['auto', 'poll', 'off']),
    ...{ fallback: 'auto' as const, type: '`"auto"`, `"poll"`, `"off"`', default: '`"auto"`' },
    about:
      'How the scheduler notices edits: told by the file system and by looking; by looking alone; not before its next start.',
  }),
  pollInterval: setting({
    read: orNull(durationReader({ minMs: 1000, maxMs: 86_400_000, example: '"5s"' })),
    ...{ fallback: null, type: 'seconds or duration' },
    default: '`"30s"`; `"5s"` where the file system tells nothing',
    about: 'How often the scheduler looks through the home by itself: 1 s to 1 d.',
  }),
};

export type SettingName = keyof typeof settingKeys;

export const settingNames = Object.keys(settingKeys) as readonly SettingName[];

/** `datakitUrl` is `datakit_url` in `pythond.toml`. */
export function tomlName(name: SettingName): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** `hosts` is `PYTHOND_HOSTS` in the environment. */
export function envName(name: SettingName): string {
  const key: SettingKey<unknown> = settingKeys[name];
  return key.env ?? `PYTHOND_${tomlName(name).toUpperCase()}`;
}

/** `hosts` is `--hosts` in messages about flags. */
export function flagName(name: SettingName): string {
  const key: SettingKey<unknown> = settingKeys[name];
  return key.flag ?? `--${tomlName(name).replaceAll('_', '-')}`;
}
