import { networkInterfaces } from 'node:os';
import { bodyOf, createDataKitClient, type DataKitClient } from '@pythond/datakit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deliveryOf, linesOf, never } from './deliveries.ts';
import { accepted, closeServers, OWNED, refused, startServer } from './servers.ts';

const hasIPv6 = Object.values(networkInterfaces())
  .flat()
  .some((address) => address?.address === '::1');

describe('what goes over the wire', () => {
  let client: DataKitClient;
  beforeEach(() => {
    client = createDataKitClient();
  });
  afterEach(async () => {
    await client.close();
    await closeServers();
  });
  const send = (...args: Parameters<typeof deliveryOf>) =>
    client.send(deliveryOf(...args), { signal: never });

  it('is a POST of line protocol to the category, with nanoseconds first and the parameters in order', async () => {
    const server = await startServer();
    const query = [
      ['input', 'a&b'] as const,
      ['ignore_global_tags', 'true'] as const,
      ['version', '2'] as const,
    ];
    const delivery = { ...deliveryOf(server.endpoint), category: 'logging', query };
    expect(await client.send(delivery, { signal: never })).toEqual({ kind: 'accepted' });
    expect(server.requests).toHaveLength(1);
    expect(server.requests[0]).toMatchObject({
      method: 'POST',
      url: '/v1/write/logging?precision=n&input=a%26b&ignore_global_tags=true&version=2',
      body: delivery.body,
    });
    expect(server.requests[0]?.headers).toEqual({
      host: `127.0.0.1:${server.port}`,
      connection: 'keep-alive',
      'content-type': 'application/line-protocol',
      'content-length': String(Buffer.byteLength(delivery.body.toString())),
    });
  });

  it('is compressed above 1 KiB, so that the server gets the same bytes back', async () => {
    const server = await startServer();
    const lines = [...linesOf(999), `m,i=é message="${'ü\n'.repeat(2000)}" 1`];
    await send(server.endpoint, lines);
    const [request] = server.requests;
    expect(request?.headers['content-encoding']).toBe('gzip');
    expect(request?.body).toBe(lines.join('\n'));
    expect(request?.wireBytes).toBeLessThan(Buffer.byteLength(lines.join('\n')) / 3);
    expect(Number(request?.headers['content-length'])).toBe(request?.wireBytes);
  });

  it('is a JSON array for the points that no line can hold', async () => {
    const server = await startServer();
    const lines = ['{"measurement":"m","tags":{"t":"a\\\\"},"fields":{"v":1},"time":1}'];
    const delivery = { ...deliveryOf(server.endpoint), form: 'json' as const, body: bodyOf('json', lines) };
    expect((await client.send(delivery, { signal: never })).kind).toBe('accepted');
    expect(server.requests[0]?.headers['content-type']).toBe('application/json');
    expect(server.requests[0]?.body).toBe(`[${lines[0]}]`);
  });

  it('is uncompressed when asked', async () => {
    const server = await startServer();
    await client.send(deliveryOf(server.endpoint, linesOf(100)), { signal: never, plain: true });
    expect(server.requests[0]?.headers['content-encoding']).toBeUndefined();
  });

  it('uses one connection for one request after another, refused ones included', async () => {
    const replies = [
      accepted,
      refused('invalidLinePoint'),
      { status: 503 },
      refused('invalidCategory'),
      accepted,
    ];
    const server = await startServer(() => replies[server.requests.length - 1]);
    const kinds: string[] = [];
    for (let i = 0; i < replies.length; i++) kinds.push((await send(server.endpoint)).kind);
    expect(kinds).toEqual(['accepted', 'rejected', 'unknown', 'endpoint-fault', 'accepted']);
    expect(server.connections.made).toBe(1);
  });

  it('uses no more sockets than allowed, and sends everything', async () => {
    await client.close();
    client = createDataKitClient({ connections: 3 });
    const server = await startServer((_, response) => {
      setImmediate(() => response.writeHead(200, OWNED).end());
      return undefined;
    });
    const verdicts = await Promise.all(Array.from({ length: 60 }, () => send(server.endpoint)));
    expect(verdicts.every(({ kind }) => kind === 'accepted')).toBe(true);
    expect(server.connections.most).toBeLessThanOrEqual(3);
  });

  it.skipIf(!hasIPv6)('reaches a DataKit by IPv6', async () => {
    const { endpoint } = await startServer(undefined, '::1');
    expect(await send(endpoint)).toEqual({ kind: 'accepted' });
  });

  it('reaches a DataKit by name', async () => {
    const { port } = await startServer();
    expect(await send(`http://localhost:${port}`)).toEqual({ kind: 'accepted' });
  });

  it('keeps sockets for the endpoints used last only', async () => {
    await client.close();
    client = createDataKitClient({ maxEndpoints: 2 });
    const servers = await Promise.all([startServer(), startServer(), startServer()]);
    for (const { endpoint } of servers) await send(endpoint);
    expect((await send(servers[0]?.endpoint ?? '')).kind).toBe('accepted');
    expect(servers.map(({ connections }) => connections.made)).toEqual([2, 1, 1]);
  });

  it('follows no redirect', async () => {
    const elsewhere = await startServer();
    const server = await startServer(({ url }) => ({
      status: 307,
      headers: { location: `${elsewhere.endpoint}${url}` },
    }));
    expect(await send(server.endpoint)).toMatchObject({ kind: 'endpoint-fault', answer: { status: 307 } });
    expect(elsewhere.requests).toEqual([]);
  });

  it('reads no more than 64 KiB of an answer, and judges by that', async () => {
    const server = await startServer((_, response) => {
      response.writeHead(400, OWNED);
      response.write('{"error_code":"datakit.invalidLinePoint","message":"');
      const more = () => {
        while (!response.destroyed && response.write('x'.repeat(16_384)));
      };
      response.on('drain', more);
      more();
      return undefined;
    });
    expect(await send(server.endpoint)).toMatchObject({
      kind: 'rejected',
      answer: { code: 'invalidLinePoint' },
    });
  });

  it('refuses to send what can not be meant', async () => {
    await expect(send('http://user:password@127.0.0.1:1')).rejects.toThrow('user or a password');
    await expect(
      client.send({ ...deliveryOf('http://127.0.0.1:1'), category: '../x' }, { signal: never }),
    ).rejects.toThrow('not a category');
  });
});
