import { unshowable } from './printable.ts';
import { badUnshown, good, type Reader, type Reading, repeating } from './reading.ts';

/** A URL for messages: without user, password, query and fragment, even where it is no proper URL. */
export function redactUrl(text: string): string {
  const [, scheme = '', rest = ''] = /^([A-Za-z][A-Za-z0-9+.-]*:\/\/)?(.*)$/s.exec(text) ?? [];
  const bare = rest.replace(/^.*@/s, '***@').replace(/([?#]).*$/s, '$1***');
  return `${scheme}${bare}`;
}

/** Whether a URL holds a password, which must not travel in a command-line flag. */
export function hasPassword(text: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*:[^/?#]*@/i.test(text);
}

const PARTS = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?#\\]*)([^?#]*)(\?[^#]*)?(#.*)?$/s;

interface OriginParts {
  readonly scheme: string;
  readonly authority: string;
  readonly path: string;
  readonly query: string;
  readonly fragment: string;
}

/**
 * Reads the address of a DataKit to an origin, `http://10.0.0.5:9529`. Whatever an HTTP client would silently drop,
 * follow or misread (white space, credentials, paths, numbers for hosts) is refused, and no message shows a
 * password or a token.
 */
export const readOrigin: Reader<string> = (value) => {
  if (typeof value !== 'string') return origin('must be a string', 'http://127.0.0.1:9529');
  if (unshowable(value) !== null || /\s/.test(value)) return withSpace(value);
  const match = PARTS.exec(value);
  if (match === null) {
    return origin(
      'must start with http:// or https://',
      /^[\w.-]+(:\d+)?$/.test(value) ? `http://${value}` : null,
    );
  }
  const [, scheme = '', authority = '', path = '', query = '', fragment = ''] = match;
  return checkOrigin({ scheme: scheme.toLowerCase(), authority, path, query, fragment });
};

function withSpace(value: string): Reading<never> {
  const rule = 'must hold no white space, line break or control character';
  const trimmed = value.trim();
  const clean = trimmed === value ? null : readOrigin(trimmed);
  return clean?.ok ? origin(`${rule}, also not at its ends`, clean.value) : origin(rule, null);
}

function checkOrigin({ scheme, authority, path, query, fragment }: OriginParts): Reading<string> {
  if (scheme !== 'http' && scheme !== 'https') {
    return origin('must start with http:// or https://', 'http://127.0.0.1:9529');
  }
  const host = authority.slice(authority.lastIndexOf('@') + 1);
  const plain = `${scheme}://${host}`;
  if (host !== authority) return origin('must hold no user or password: DataKit asks for none', plain);
  if (/[?&]token=/i.test(query)) {
    return origin(
      'must hold no token: it is the address of a DataKit, not of the DataWay behind it, and a DataKit asks for none',
      plain,
    );
  }
  if (path !== '' && path !== '/')
    return origin('must end after the port: the fleet adds the paths itself', plain);
  if (query !== '' || fragment !== '') return origin('must hold no query or fragment', plain);
  return parseHost(plain, host);
}

function parseHost(plain: string, host: string): Reading<string> {
  const url = tryUrl(plain);
  if (url === null || host.includes('%') || /:0*$/.test(host)) {
    return origin('must name a host, and a port of 1 to 65535', 'http://127.0.0.1:9529');
  }
  const written = host.replace(/:\d+$/, '').toLowerCase();
  if (/^\d+(\.\d+){3}$/.test(url.hostname) && url.hostname !== written) {
    return origin('must name its host as a name or as a plain address', url.origin);
  }
  return good(url.origin);
}

function origin(rule: string, write: string | null): Reading<never> {
  if (write === null) return badUnshown(rule, 'write http://host:port');
  return repeating(badUnshown(rule, `write ${redactUrl(write)}`));
}

function tryUrl(text: string): URL | null {
  return URL.canParse(text) ? new URL(text) : null;
}

const MANY_HOSTS = /^rediss?\+(sentinel|cluster):\/\/(?:[^@/?#]*@)?([^@/?#]+)(\/[^?#]*)?$/;

/**
 * `redis://`, `rediss://`, `unix:///path`, an absolute path, or the forms with several hosts. Kept as written: the queue's
 * connections parse it.
 */
export const readRedisUrl: Reader<string> = (value) => {
  const rule =
    'must be redis://host:6379, rediss://host:6379, unix:///path, an absolute path, redis+sentinel://host:26379/NAME or redis+cluster://host:6379';
  if (typeof value !== 'string' || unshowable(value) !== null || /\s/.test(value)) return badUnshown(rule);
  if (value.startsWith('/')) return good(value);
  if (/^rediss?\+/.test(value)) return readManyHosts(value);
  const url = tryUrl(value);
  if (url?.protocol === 'unix:') {
    return url.pathname.length > 1 && url.host === '' ? good(value) : badUnshown(rule, 'write unix:///path');
  }
  if (url === null || (url.protocol !== 'redis:' && url.protocol !== 'rediss:')) return badUnshown(rule);
  if (!value.includes('://') || url.hostname === '') return badUnshown(rule);
  if (!/^\/?\d*$/.test(url.pathname)) {
    return badUnshown('may hold only the number of a database after the port', 'write redis://host:6379/0');
  }
  return good(value);
};

function readManyHosts(value: string): Reading<string> {
  const [, kind, hosts = '', rest = ''] = MANY_HOSTS.exec(value) ?? [];
  const areHosts = hosts.split(',').every((host) => tryUrl(`redis://${host}`)?.hostname);
  if (kind === 'sentinel') {
    const form = 'redis+sentinel://host:26379,host:26379/NAME, a database after it where it is not 0: NAME/1';
    return areHosts && /^\/[^/]+(\/\d+)?$/.test(rest) ? good(value) : badUnshown(`must be ${form}`);
  }
  if (kind === 'cluster' && areHosts && /^\/?$/.test(rest)) return good(value);
  return badUnshown(
    'must be redis+cluster://host:6379,host:6379 or redis+sentinel://host:26379,host:26379/NAME',
  );
}
