import { QueueError } from './errors.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** What a URL says of where a Redis is and who logs in. */
export interface RedisUrl {
  readonly place:
    | { readonly kind: 'socket'; readonly path: string }
    | { readonly kind: 'server'; readonly address: Address }
    /** Where its Sentinels are, and what they call it. */
    | { readonly kind: 'sentinel'; readonly sentinels: readonly Address[]; readonly name: string }
    /** Some of a cluster's nodes. */
    | { readonly kind: 'cluster'; readonly nodes: readonly Address[] };
  readonly tls: boolean;
  readonly db: number | undefined;
  readonly username: string | undefined;
  readonly password: string | undefined;
}

const REDIS_PORT = 6379;
const SENTINEL_PORT = 26379;
const MANY = /^(rediss?)\+(sentinel|cluster):\/\/(?:([^@/?#]*)@)?([^@/?#]+)(?:\/([^?#]*))?$/;

/**
 * Reads `redis://`, `rediss://`, `unix:///path`, a path, and the forms with several hosts.
 * @throws QueueError `redis-url`, which never shows the URL
 */
export function parseRedisUrl(text: string): RedisUrl {
  const many = MANY.exec(text);
  if (many) return parseMany(many);
  const url = parseUrl(text.startsWith('/') ? `unix://${text}` : text);
  const login = {
    username: decodeURIComponent(url.username) || undefined,
    password: decodeURIComponent(url.password) || undefined,
  };
  if (url.protocol === 'unix:') {
    const place = { kind: 'socket', path: decodeURIComponent(url.pathname) } as const;
    return { place, tls: false, db: numberIn(url.searchParams.get('db')), ...login };
  }
  const place = { kind: 'server', address: addressIn(url, REDIS_PORT) } as const;
  return { place, tls: url.protocol === 'rediss:', db: numberIn(url.pathname.slice(1)), ...login };
}

function parseMany([, scheme, kind, login = '', hosts = '', rest = '']: RegExpExecArray): RedisUrl {
  const [username = '', ...password] = login.split(':');
  const common = {
    tls: scheme === 'rediss',
    username: decodeURIComponent(username) || undefined,
    password: decodeURIComponent(password.join(':')) || undefined,
  };
  const port = kind === 'sentinel' ? SENTINEL_PORT : REDIS_PORT;
  const addresses = hosts.split(',').map((host) => addressIn(parseUrl(`redis://${host}`), port));
  if (kind === 'cluster') return { place: { kind, nodes: addresses }, db: undefined, ...common };
  const [name = '', db = ''] = rest.split('/');
  if (name === '') {
    throw new QueueError(
      'redis-url',
      'REDIS_URL names Sentinels, but not what they call the Redis; write redis+sentinel://host:26379,host:26379/NAME',
    );
  }
  const place = { kind: 'sentinel', sentinels: addresses, name: decodeURIComponent(name) } as const;
  return { place, db: numberIn(db), ...common };
}

function parseUrl(text: string): URL {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    // Its error would show the URL.
    throw new QueueError('redis-url', 'REDIS_URL is not a URL; write redis://host:6379 or unix:///path');
  }
  if (!['redis:', 'rediss:', 'unix:'].includes(url.protocol)) {
    throw new QueueError(
      'redis-url',
      `REDIS_URL starts with ${url.protocol}//; write redis://, rediss://, redis+sentinel://, redis+cluster:// or unix://`,
    );
  }
  return url;
}

function addressIn({ hostname, port }: URL, otherwise: number): Address {
  return {
    host: hostname.replace(/^\[|\]$/g, '') || '127.0.0.1',
    port: port === '' ? otherwise : Number(port),
  };
}

function numberIn(text: string | null): number | undefined {
  return text ? Number(text) : undefined;
}
