import { createDataKitClient, type DataKitClient } from '@pythond/datakit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deliveryOf, linesOf, never } from './deliveries.ts';
import { accepted, closeServers, OWNED, refused, startNothing, startServer } from './servers.ts';

describe('asking a DataKit', () => {
  let client: DataKitClient;
  const options = { signal: never };
  beforeEach(() => {
    client = createDataKitClient();
  });
  afterEach(async () => {
    await client.close();
    await closeServers();
  });

  it('tells by ping who it is and whether it owns its answers', async () => {
    const content = { version: '1.84.1', uptime: '10m', host: 'vm', commit: '9264e03' };
    const server = await startServer(() => ({
      status: 200,
      headers: OWNED,
      body: JSON.stringify({ content }),
    }));
    expect(await client.ping(server.endpoint, options)).toEqual({
      kind: 'answered',
      status: 200,
      showsHeader: true,
      content,
    });
    expect(server.requests[0]).toMatchObject({ method: 'GET', url: '/v1/ping' });
  });

  it('takes any answer to a ping, and none', async () => {
    const server = await startServer(() => ({ status: 404, body: '<html>' }));
    expect(await client.ping(server.endpoint, options)).toMatchObject({ showsHeader: false, content: null });
    expect(await client.ping(await startNothing(), options)).toMatchObject({ cause: { code: 'refused' } });
  });

  it('compares clocks by ntp', async () => {
    let seconds = Math.floor(Date.now() / 1000) + 3600;
    const server = await startServer(() => ({
      status: 200,
      body: JSON.stringify({ timestamp_sec: seconds }),
    }));
    const ntp = await client.ntp(server.endpoint, options);
    expect(ntp).toMatchObject({ kind: 'answered', timestampSeconds: seconds });
    if (ntp.kind === 'answered') expect(Math.abs(ntp.aheadMs - 3_600_000)).toBeLessThan(60_000);
    seconds = Number.NaN;
    expect(await client.ntp(server.endpoint, options)).toEqual({ kind: 'unusable', status: 200 });
  });

  it('tells a DataKit on this machine what failed, and only a full message', async () => {
    const server = await startServer((request) =>
      request.path === '/v1/lasterror' ? accepted : { status: 404 },
    );
    expect(await client.lastError(server.endpoint, 'demo', 'ZeroDivisionError', options)).toBe(true);
    expect(JSON.parse(server.requests[0]?.body ?? '')).toEqual({
      input: 'demo',
      source: 'demo',
      err_content: 'ZeroDivisionError',
    });
    expect(await client.lastError(server.endpoint, 'demo', '', options)).toBe(false);
    expect(await client.lastError('http://192.0.2.1:9529', 'demo', 'x', options)).toBe(false);
    expect(server.requests).toHaveLength(1);
  });

  it('asks by a dry run what would be stored', async () => {
    const echo = 'm,t=a v=1 1700000000123456789';
    const server = await startServer(() => ({ status: 200, headers: OWNED, body: echo }));
    expect(await client.dryRun(deliveryOf(server.endpoint, linesOf(1)), 'lp', options)).toEqual({
      verdict: { kind: 'accepted' },
      echo,
    });
    expect(server.requests[0]?.url).toBe('/v1/write/metric?precision=n&dry=true&echo=lp');
    expect(server.stored).toEqual([]);
  });

  it('reads a long echo whole, and passes on a refusal', async () => {
    const long = 'x'.repeat(1024 * 1024);
    const server = await startServer(() =>
      server.requests.length === 1
        ? { status: 200, headers: OWNED, body: long }
        : refused('invalidLinePoint'),
    );
    expect((await client.dryRun(deliveryOf(server.endpoint), 'json', options)).echo).toBe(long);
    expect((await client.dryRun(deliveryOf(server.endpoint), 'json', options)).verdict.kind).toBe('rejected');
  });

  it('probes with a good point that is not stored, and blames the endpoint for any refusal of it', async () => {
    const server = await startServer(() =>
      server.requests.length === 1 ? accepted : refused('invalidLinePoint'),
    );
    const to = { endpoint: server.endpoint, category: 'logging' };
    expect((await client.probe(to, options)).kind).toBe('accepted');
    expect(server.requests[0]?.url).toBe('/v1/write/logging?precision=n&dry=true');
    expect(server.requests[0]?.body).toMatch(/^pythond_probe,source=pythond message="probe",value=1 \d{19}$/);
    expect((await client.probe(to, options)).kind).toBe('endpoint-fault');
  });
});
