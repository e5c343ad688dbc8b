import { describe, expect, it } from 'vitest';
import { endpointOf, isLoopback, parseEndpoint } from './endpoint.ts';
import { EndpointError, type EndpointErrorCode } from './errors.ts';

function codeOf(act: () => unknown): EndpointErrorCode | 'none' {
  try {
    act();
    return 'none';
  } catch (error) {
    if (error instanceof EndpointError) return error.code;
    throw error;
  }
}

describe('parseEndpoint', () => {
  it.each([
    ['127.0.0.1', 9529, 'http://127.0.0.1:9529'],
    ['127.0.0.1', '9529', 'http://127.0.0.1:9529'],
    [' LocalHost ', ' 9529 ', 'http://localhost:9529'],
    ['datakit.monitoring.svc.cluster.local', 9529, 'http://datakit.monitoring.svc.cluster.local:9529'],
    ['data_kit-1', 1, 'http://data_kit-1:1'],
    ['::1', 9529, 'http://[::1]:9529'],
    ['[2001:DB8:0:0::1]', 65535, 'http://[2001:db8::1]:65535'],
    ['::ffff:127.0.0.1', 9529, 'http://[::ffff:7f00:1]:9529'],
    ['10.0.0.7', 80, 'http://10.0.0.7'],
    ['127.1', 9529, 'http://127.0.0.1:9529'],
  ])('takes %s and %s for %s', (ip, port, origin) => {
    expect(parseEndpoint(ip, port)).toBe(origin);
    expect(endpointOf(origin)).toBe(origin);
  });

  it.each<[string, number | string, EndpointErrorCode]>([
    ['', 9529, 'ENDPOINT_HOST'],
    ['[]', 9529, 'ENDPOINT_HOST'],
    ['10.0.0.1:9529', 9529, 'ENDPOINT_HOST'],
    ['http://10.0.0.1', 9529, 'ENDPOINT_HOST'],
    ['user:password@10.0.0.1', 9529, 'ENDPOINT_CREDENTIALS'],
    ['10.0.0.1/v1', 9529, 'ENDPOINT_PATH'],
    ['10.0.0.1?x', 9529, 'ENDPOINT_PATH'],
    ['10.0.0.1#x', 9529, 'ENDPOINT_PATH'],
    ['10.0.0.1\\x', 9529, 'ENDPOINT_PATH'],
    ['a b', 9529, 'ENDPOINT_PATH'],
    ['a\nb', 9529, 'ENDPOINT_PATH'],
    ['fe80::1%eth0', 9529, 'ENDPOINT_PATH'],
    ['256.256.256.256', 9529, 'ENDPOINT_MALFORMED'],
    ['a<b', 9529, 'ENDPOINT_MALFORMED'],
    ['localhost', 0, 'ENDPOINT_PORT'],
    ['localhost', 65536, 'ENDPOINT_PORT'],
    ['localhost', -1, 'ENDPOINT_PORT'],
    ['localhost', 95.29, 'ENDPOINT_PORT'],
    ['localhost', Number.NaN, 'ENDPOINT_PORT'],
    ['localhost', '', 'ENDPOINT_PORT'],
    ['localhost', '9529x', 'ENDPOINT_PORT'],
    ['localhost', '0x2539', 'ENDPOINT_PORT'],
  ])('refuses %s and %s with %s', (ip, port, code) => {
    expect(codeOf(() => parseEndpoint(ip, port))).toBe(code);
  });
});

describe('endpointOf', () => {
  it.each([
    ['http://127.0.0.1:9529', 'http://127.0.0.1:9529'],
    ['http://127.0.0.1:9529/', 'http://127.0.0.1:9529'],
    [' HTTP://DataKit:9529 ', 'http://datakit:9529'],
    ['https://datakit.example.org', 'https://datakit.example.org'],
    ['http://[::1]:9529', 'http://[::1]:9529'],
  ])('takes %s for %s', (url, origin) => {
    expect(endpointOf(url)).toBe(origin);
  });

  it.each<[string, EndpointErrorCode]>([
    ['127.0.0.1:9529', 'ENDPOINT_SCHEME'],
    ['localhost:9529', 'ENDPOINT_SCHEME'],
    ['', 'ENDPOINT_SCHEME'],
    ['ftp://127.0.0.1', 'ENDPOINT_SCHEME'],
    ['unix:///run/datakit.sock', 'ENDPOINT_SCHEME'],
    ['http://user@127.0.0.1', 'ENDPOINT_CREDENTIALS'],
    ['http://:secret@127.0.0.1', 'ENDPOINT_CREDENTIALS'],
    ['http://127.0.0.1:9529/v1/write', 'ENDPOINT_PATH'],
    ['http://127.0.0.1:9529?token=x', 'ENDPOINT_PATH'],
    ['http://127.0.0.1:9529/#x', 'ENDPOINT_PATH'],
    ['http://127.0.0.1:0', 'ENDPOINT_PORT'],
    ['http://127.0.0.1:99999', 'ENDPOINT_MALFORMED'],
    ['http://', 'ENDPOINT_MALFORMED'],
  ])('refuses %s with %s', (url, code) => {
    expect(codeOf(() => endpointOf(url))).toBe(code);
  });

  it.each([
    'http://user:hunter2@',
    'user:hunter2@host',
    'http://user:hunter2@h:99999',
    'http://user:hunter2@host',
  ])('shows no password in its message about %s', (url) => {
    let message = '';
    try {
      endpointOf(url);
    } catch (error) {
      message = error instanceof Error ? `${error.message} ${error.cause ?? ''}` : '';
    }
    expect(message).not.toBe('');
    expect(message).not.toContain('hunter2');
  });
});

describe('isLoopback', () => {
  it.each([
    ['http://127.0.0.1:9529', true],
    ['http://127.8.9.1:9529', true],
    ['http://localhost:9529', true],
    ['http://[::1]:9529', true],
    ['http://10.0.0.1:9529', false],
    ['http://127.example.org', false],
    ['http://localhost.example.org', false],
  ])('%s: %s', (endpoint, loopback) => {
    expect(isLoopback(endpoint)).toBe(loopback);
  });
});
