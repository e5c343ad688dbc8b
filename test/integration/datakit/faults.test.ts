import type { Socket } from 'node:net';
import {
  createDataKitClient,
  createEndpointHealth,
  type DataKitClient,
  systemClock,
  type Verdict,
} from '@pythond/datakit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deliveryOf, linesOf, never, until } from './deliveries.ts';
import { accepted, closeServers, OWNED, startNothing, startRawServer, startServer } from './servers.ts';

/** Long enough for a slow machine to answer, where an answer is expected. */
const PATIENT = { connectTimeoutMs: 30_000, headersTimeoutMs: 30_000, totalTimeoutMs: 30_000 };

describe('an answer that does not come', () => {
  let client: DataKitClient;
  beforeEach(() => {
    client = createDataKitClient(PATIENT);
  });
  afterEach(async () => {
    await client.close();
    await closeServers();
  });
  const send = (endpoint: string): Promise<Verdict> =>
    client.send(deliveryOf(endpoint, linesOf(50)), { signal: never });
  const causeOf = async (endpoint: string) => {
    const verdict = await send(endpoint);
    return verdict.kind === 'unknown' ? verdict.cause.code : verdict.kind;
  };

  it.each<[string, string, (socket: Socket) => void]>([
    ['reset', 'reset', (socket) => socket.resetAndDestroy()],
    ['closed', 'reset', (socket) => socket.end()],
    ['reset within the status line', 'reset', (socket) => cutAfter(socket, 'HTTP/1.1 2')],
    ['reset within the headers', 'reset', (socket) => cutAfter(socket, 'HTTP/1.1 200 OK\r\nX-DataKi')],
    [
      'reset within the body',
      'half-answer',
      (socket) => cutAfter(socket, 'HTTP/1.1 200 OK\r\nX-DataKit: 1\r\nContent-Length: 10\r\n\r\nabc'),
    ],
    ['no HTTP', 'not-http', (socket) => socket.end('SSH-2.0-OpenSSH_9.6\r\n')],
  ])('is unknown when the connection is %s', async (_, code, behave) => {
    const { endpoint } = await startRawServer(behave);
    expect(await causeOf(endpoint)).toBe(code);
  });

  it('is unknown when nobody listens, and when TLS meets plain text', async () => {
    expect(await causeOf(await startNothing())).toBe('refused');
    const { port } = await startServer();
    expect(await causeOf(`https://127.0.0.1:${port}`)).toBe('tls');
  });

  it.each([500, 502, 503, 408])('is unknown after a %i', async (status) => {
    const { endpoint } = await startServer(() => ({ status, body: 'later' }));
    expect(await send(endpoint)).toMatchObject({ kind: 'unknown', cause: { answer: { status } } });
  });

  it('is given up on after the time for headers, when the server accepts and says nothing', async () => {
    await client.close();
    client = createDataKitClient({ ...PATIENT, headersTimeoutMs: 100 });
    const { endpoint, connections } = await startRawServer(() => undefined);
    expect(await causeOf(endpoint)).toBe('headers-timeout');
    await until(() => connections.open === 0);
  });

  it('is given up on after the time in all, when it comes a byte at a time', async () => {
    await client.close();
    client = createDataKitClient({ ...PATIENT, totalTimeoutMs: 300 });
    const { endpoint, connections } = await startRawServer((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nX-DataKit: 1\r\nContent-Length: 100000\r\n\r\n');
      const dripping = setInterval(() => socket.write('x'), 10);
      socket.once('close', () => clearInterval(dripping));
    });
    expect(await causeOf(endpoint)).toBe('total-timeout');
    await until(() => connections.open === 0);
  });

  it('is given up on after the time in all, when the headers come a byte at a time', async () => {
    await client.close();
    client = createDataKitClient({ ...PATIENT, totalTimeoutMs: 300 });
    const { endpoint } = await startRawServer((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nX-Long: ');
      const dripping = setInterval(() => socket.write('x'), 10);
      socket.once('close', () => clearInterval(dripping));
    });
    expect(await causeOf(endpoint)).toBe('total-timeout');
  });

  it('leaves no more sockets than allowed, however many requests were given up on', async () => {
    await client.close();
    client = createDataKitClient({ ...PATIENT, totalTimeoutMs: 100, connections: 2 });
    const { endpoint, connections } = await startRawServer(() => undefined);
    await Promise.all(Array.from({ length: 8 }, () => send(endpoint)));
    await until(() => connections.open === 0);
    // A socket that was given up on may still be closing while the next one opens.
    expect(connections.most).toBeLessThanOrEqual(4);
  });

  it('is not waited for by those that had no place yet: the circuit has opened', async () => {
    await client.close();
    const health = createEndpointHealth({ baseMs: 600_000, capMs: 600_000 });
    client = createDataKitClient({ ...PATIENT, headersTimeoutMs: 100, connections: 1, health });
    const { endpoint, connections } = await startRawServer(() => undefined);
    const causes = await Promise.all([1, 2, 3, 4].map(() => causeOf(endpoint)));
    expect(causes).toEqual(['headers-timeout', 'held', 'held', 'held']);
    expect(connections.made).toBe(1);
  });

  it('gives way when others need its place, and opens the circuit at once', async () => {
    await client.close();
    const health = createEndpointHealth({ baseMs: 600_000, capMs: 600_000 });
    let isCrowded = false;
    let asked = 0;
    const giveWay = {
      afterMs: 20,
      isCrowded: () => {
        asked += 1;
        return isCrowded;
      },
    };
    client = createDataKitClient({ ...PATIENT, health, giveWay });
    const { endpoint, connections } = await startRawServer(() => undefined);
    const cause = causeOf(endpoint);
    await until(() => asked > 2);
    expect(connections.open).toBe(1);
    isCrowded = true;
    expect(await cause).toBe('gave-way');
    expect(health.state(endpoint).kind).toBe('open');
    await until(() => connections.open === 0);
  });

  it('ends a request that is stopped, and says that the outcome is unknown', async () => {
    const stopping = new AbortController();
    const { endpoint, connections } = await startRawServer(() => stopping.abort(new Error('stopping')));
    const verdict = await client.send(deliveryOf(endpoint), { signal: stopping.signal });
    expect(verdict).toMatchObject({ kind: 'unknown', cause: { code: 'aborted' } });
    await until(() => connections.open === 0);
    expect(await client.send(deliveryOf(endpoint), { signal: stopping.signal })).toMatchObject({
      cause: { code: 'aborted' },
    });
  });

  it('leaves the way free for the next request', async () => {
    let broken = true;
    const server = await startServer((_, response) => {
      if (!broken) return accepted;
      broken = false;
      response.socket?.resetAndDestroy();
      return undefined;
    });
    expect((await send(server.endpoint)).kind).toBe('unknown');
    expect((await send(server.endpoint)).kind).toBe('accepted');
    expect(server.requests[0]?.body).toBe(server.requests[1]?.body);
  });
});

describe('an endpoint in trouble', () => {
  afterEach(closeServers);

  it('is held without further requests, and found again by a trial', async () => {
    let nowMs = 0;
    const health = createEndpointHealth({ clock: { ...systemClock, now: () => nowMs } });
    const client = createDataKitClient({ ...PATIENT, health });
    let status = 403;
    const server = await startServer(() => ({ status, headers: OWNED }));
    const send = () => client.send(deliveryOf(server.endpoint), { signal: never });
    expect((await send()).kind).toBe('endpoint-fault');
    expect(await send()).toMatchObject({ kind: 'held', cause: { code: 'endpoint-fault' } });
    expect(server.requests).toHaveLength(1);
    status = 200;
    nowMs = 1000;
    expect((await send()).kind).toBe('accepted');
    expect(health.state(server.endpoint).kind).toBe('closed');
    await client.close();
  });

  it('opens its circuit after one time-out, and nobody waits for it again', async () => {
    const health = createEndpointHealth({ baseMs: 60_000, capMs: 60_000 });
    const client = createDataKitClient({ ...PATIENT, headersTimeoutMs: 100, health });
    const { endpoint, connections } = await startRawServer(() => undefined);
    await client.send(deliveryOf(endpoint), { signal: never });
    expect(health.state(endpoint)).toMatchObject({ kind: 'open', cause: { code: 'headers-timeout' } });
    expect((await client.send(deliveryOf(endpoint), { signal: never })).kind).toBe('held');
    expect(connections.made).toBe(1);
    await client.close();
  });
});

function cutAfter(socket: Socket, bytes: string): void {
  socket.write(bytes, () => socket.resetAndDestroy());
}
