import { isIPv6 } from 'node:net';
import { EndpointError } from './errors.ts';

/**
 * The origin for the ip and port that a script gave its constructor. Takes host names, IPv4 and IPv6 (with or without
 * brackets); gives `http://host:port` in canonical form. Throws EndpointError.
 */
export function parseEndpoint(ip: string, port: number | string): string {
  const number = portNumber(port);
  const host = ip.trim().replace(/^\[(.*)\]$/, '$1');
  if (host === '') throw new EndpointError('ENDPOINT_HOST', 'the DataKit host is empty');
  if (host.includes('@')) throw credentialsError();
  if (host.includes('://')) {
    throw new EndpointError(
      'ENDPOINT_HOST',
      'the DataKit host must be a name or an address, without http://',
    );
  }
  if (/[\s/\\?#%]/.test(host)) {
    throw new EndpointError('ENDPOINT_PATH', `the DataKit host ${quoted(host)} holds more than a host`);
  }
  if (host.includes(':') && !isIPv6(host)) {
    throw new EndpointError(
      'ENDPOINT_HOST',
      `the DataKit host ${quoted(host)} is neither a name nor an address; the port goes apart`,
    );
  }
  return urlOf(`http://${isIPv6(host) ? `[${host}]` : host}:${number}`).origin;
}

/** The origin of a URL such as `http://127.0.0.1:9529`. Refuses credentials, paths and queries. Throws EndpointError. */
export function endpointOf(url: string): string {
  const text = url.trim();
  if (!text.includes('://')) {
    throw new EndpointError('ENDPOINT_SCHEME', `${withoutCredentials(text)} needs http:// in front`);
  }
  const parsed = urlOf(text);
  if (parsed.protocol !== 'http:' && parsed.protocol !== 'https:') {
    throw new EndpointError(
      'ENDPOINT_SCHEME',
      `${parsed.protocol}// is not spoken by DataKit: use http:// or https://`,
    );
  }
  if (parsed.username !== '' || parsed.password !== '') throw credentialsError();
  if (parsed.port === '0') throw new EndpointError('ENDPOINT_PORT', 'port 0 can not be connected to');
  if (parsed.pathname !== '/' || parsed.search !== '' || parsed.hash !== '') {
    throw new EndpointError('ENDPOINT_PATH', `give ${parsed.origin} alone, without a path or a query`);
  }
  return parsed.origin;
}

/** Whether an endpoint is on this machine, for certain. */
export function isLoopback(endpoint: string): boolean {
  const { hostname } = new URL(endpoint);
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

function portNumber(port: number | string): number {
  const text = String(port).trim();
  const number = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (number < 1 || number > 65_535) {
    throw new EndpointError('ENDPOINT_PORT', `the DataKit port ${quoted(text)} is not between 1 and 65535`);
  }
  return number;
}

function urlOf(text: string): URL {
  try {
    return new URL(text);
  } catch {
    // Not kept as the cause: Node's error carries the whole input, password and all.
    throw new EndpointError('ENDPOINT_MALFORMED', `${withoutCredentials(text)} is not a DataKit address`);
  }
}

function credentialsError(): EndpointError {
  return new EndpointError(
    'ENDPOINT_CREDENTIALS',
    'a DataKit address must not hold a user or a password: DataKit has neither',
  );
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 100));
}

function withoutCredentials(text: string): string {
  return quoted(text.replace(/^(.*:\/\/)?.*@/, '$1'));
}
