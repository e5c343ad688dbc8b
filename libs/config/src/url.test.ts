import { describe, expect, it } from 'vitest';
import { hasPassword, readOrigin, readRedisUrl, redactUrl } from './url.ts';

const fault = (value: unknown) => {
  const reading = readOrigin(value);
  return reading.ok ? null : `${reading.faults[0]?.text}; ${reading.faults[0]?.hint}`;
};

describe("a DataKit's address", () => {
  it.each([
    ['http://10.0.0.5:9529', 'http://10.0.0.5:9529'],
    ['http://10.0.0.5:9529/', 'http://10.0.0.5:9529'],
    ['HTTPS://DataKit.Example:9529', 'https://datakit.example:9529'],
    ['http://[::1]:9529', 'http://[::1]:9529'],
    ['http://localhost', 'http://localhost'],
  ])('%s is read as %s', (written, origin) =>
    expect(readOrigin(written)).toMatchObject({ ok: true, value: origin }),
  );

  it.each([
    ['127.0.0.1:9529', 'must start with http:// or https://; write http://127.0.0.1:9529'],
    ['file:///etc/passwd', 'must start with http:// or https://; write http://127.0.0.1:9529'],
    ['gopher://h', 'must start with http:// or https://; write http://127.0.0.1:9529'],
    ['http://user:pass@h:9529', 'must hold no user or password: DataKit asks for none; write http://h:9529'],
    [
      'http://h:9529/v1/write',
      'must end after the port: the fleet adds the paths itself; write http://h:9529',
    ],
    ['http://h:9529?x=1', 'must hold no query or fragment; write http://h:9529'],
    ['http://h:9529#x', 'must hold no query or fragment; write http://h:9529'],
    [
      'http://h:9529\n',
      'must hold no white space, line break or control character, also not at its ends; write http://h:9529',
    ],
    ['http://h:95\n29', 'must hold no white space, line break or control character; write http://host:port'],
    ['http://0x7f.1:9529', 'must name its host as a name or as a plain address; write http://127.0.0.1:9529'],
    ['http://2130706433', 'must name its host as a name or as a plain address; write http://127.0.0.1'],
    ['http://', 'must name a host, and a port of 1 to 65535; write http://127.0.0.1:9529'],
    ['http://h:0', 'must name a host, and a port of 1 to 65535; write http://127.0.0.1:9529'],
    ['http://h:99999', 'must name a host, and a port of 1 to 65535; write http://127.0.0.1:9529'],
    ['http://%6c', 'must name a host, and a port of 1 to 65535; write http://127.0.0.1:9529'],
    ['http:\\\\h', 'must start with http:// or https://; write http://host:port'],
    ['http:h', 'must start with http:// or https://; write http://host:port'],
    ['', 'must start with http:// or https://; write http://host:port'],
    [9529, 'must be a string; write http://127.0.0.1:9529'],
  ])('%j is refused', (written, message) => expect(fault(written)).toBe(message));

  it('with a token is taken for a DataWay, and the token is not repeated', () => {
    const message = fault('https://openway.example?token=tkn_secret');
    expect(message).toContain('must hold no token');
    expect(message).not.toContain('tkn_secret');
  });

  it('with a password behind white space does not show it either', () => {
    expect(fault(' http://u:hunter2@h:9529 ')).not.toContain('hunter2');
  });
});

describe('a Redis address', () => {
  it.each([
    'redis://h:6379',
    'rediss://u:p@h:6379/2',
    'unix:///run/redis.sock?db=1',
    '/run/redis.sock',
    'redis://:p@h',
    'redis+sentinel://u:p@h:26379,[::1],h/fleet/2',
    'rediss+cluster://h:6379,h',
    'redis+cluster://h/',
  ])('%s is kept as it is', (url) => expect(readRedisUrl(url)).toMatchObject({ ok: true, value: url }));

  it.each([
    'http://h',
    'h:6379',
    'redis:h',
    'redis://',
    'unix://relative',
    'redis://h/db0',
    'redis://h\n',
    'redis+sentinel://h',
    'redis+sentinel://h/',
    'redis+sentinel://h/fleet/x',
    'redis+sentinel://h,/fleet',
    'redis+cluster://h/1',
    'redis+other://h',
    '',
    6379,
  ])('%j is refused without repeating it', (url) =>
    expect(readRedisUrl(url)).toMatchObject({ ok: false, faults: [{ shows: 'nothing' }] }),
  );
});

describe('redacting a URL', () => {
  it.each([
    ['redis://user:pa/ss@host:6379/0', 'redis://***@host:6379/0'],
    ['http://host/?token=abc#def', 'http://host/?***'],
    ['user:pass@host', '***@host'],
    ['redis://:p@ss@host', 'redis://***@host'],
    ['redis://host:6379', 'redis://host:6379'],
  ])('%s is shown as %s', (url, shown) => expect(redactUrl(url)).toBe(shown));

  it('knows which URL holds a password', () => {
    expect(hasPassword('redis://:x@h')).toBe(true);
    expect(hasPassword('redis+sentinel://:x@h/fleet')).toBe(true);
    expect(hasPassword('redis://u@h')).toBe(false);
    expect(hasPassword('redis://h:6379')).toBe(false);
  });
});
