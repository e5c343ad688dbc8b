import { readFileSync } from 'node:fs';
import type { RedisOptions } from 'ioredis';
import { clusterConnector } from './cluster-connector.ts';
import { QueueError, type QueueErrorCode } from './errors.ts';
import { type Address, parseRedisUrl } from './redis-url.ts';

/** How to reach a Redis. */
export interface RedisTarget {
  /** `redis://`, `rediss://`, `unix:///path?db=0`, `redis+sentinel://host,host/NAME/DB`, `redis+cluster://host,host`. */
  readonly url: string;
  /** Where the URL holds none. */
  readonly password?: string;
  readonly passwordFile?: string;
  /** Of the Sentinels, where they ask for one. */
  readonly sentinelPasswordFile?: string;
  /** With `rediss`: the certificates of those who may sign the server's, in PEM; the system's when absent. */
  readonly caFile?: string;
  /** With `rediss`: what this client shows, in PEM. */
  readonly certFile?: string;
  readonly keyFile?: string;
}

/** What a target says of the server; ioredis's newer reply mapping is left at its default. */
export type ServerOptions = Omit<RedisOptions, 'replyMapping'>;

/** Parses a target to ioredis options and reads its files; the error never shows a password. */
export function redisOptions(target: RedisTarget): ServerOptions {
  const { place, tls: wantsTls, db, username, password: ofUrl } = parseRedisUrl(target.url);
  const password = target.password ?? readPassword(target) ?? ofUrl;
  const tls = wantsTls ? { tls: readTls(target) } : {};
  const common: ServerOptions = {
    ...(password ? { password } : {}),
    ...(username ? { username } : {}),
    ...(db === undefined ? {} : { db }),
    ...tls,
  };
  switch (place.kind) {
    case 'socket':
      return { path: place.path, ...common };
    case 'server':
      return { ...place.address, ...common };
    case 'sentinel': {
      const sentinelPassword = readSecret('redis_sentinel_password_file', target.sentinelPasswordFile);
      return {
        ...common,
        sentinels: [...place.sentinels],
        name: place.name,
        ...(sentinelPassword ? { sentinelPassword } : {}),
        ...(tls.tls ? { sentinelTLS: tls.tls, enableTLSForSentinelMode: true } : {}),
        // A Redis that is no master any more is left for the one that is.
        reconnectOnError: (error) => error.message.startsWith('READONLY'),
      };
    }
    case 'cluster':
      return {
        ...common,
        Connector: clusterConnector(place.nodes),
        reconnectOnError: (error) => /^(MOVED|READONLY)/.test(error.message),
      };
  }
}

/** Where a target is, for messages: without user, password and query. */
export function describeTarget({ url }: RedisTarget): string {
  const { place } = parseRedisUrl(url);
  switch (place.kind) {
    case 'socket':
      return `unix socket ${place.path}`;
    case 'server':
      return addressText(place.address);
    case 'sentinel':
      return `${place.name} of the Sentinels ${place.sentinels.map(addressText).join(', ')}`;
    case 'cluster':
      return `the cluster of ${place.nodes.map(addressText).join(', ')}`;
  }
}

function addressText({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function readTls({ caFile, certFile, keyFile }: RedisTarget) {
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw new QueueError(
      'redis-tls-file',
      'A client certificate needs its key: set both redis_cert_file and redis_key_file, or neither.',
    );
  }
  const ca = readFile('redis-tls-file', 'redis_ca_file', caFile);
  const cert = readFile('redis-tls-file', 'redis_cert_file', certFile);
  const key = readFile('redis-tls-file', 'redis_key_file', keyFile);
  return { ...(ca ? { ca } : {}), ...(cert ? { cert } : {}), ...(key ? { key } : {}) };
}

function readPassword({ passwordFile }: RedisTarget): string | undefined {
  return readSecret('redis_password_file', passwordFile);
}

function readSecret(setting: string, file: string | undefined): string | undefined {
  return readFile('redis-password-file', setting, file)?.trim();
}

function readFile(code: QueueErrorCode, setting: string, file: string | undefined): string | undefined {
  if (!file) return undefined;
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    const why = cause instanceof Error && 'code' in cause ? cause.code : cause;
    const what = code === 'redis-password-file' ? 'file with the password of the Redis' : 'TLS file';
    throw new QueueError(
      code,
      `The ${what}, ${file}, can't be read (${why}). Correct PYTHOND_${setting.toUpperCase()} (${setting} in pythond.toml), or let this user read it.`,
      { cause },
    );
  }
}
