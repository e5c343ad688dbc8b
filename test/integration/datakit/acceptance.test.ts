import {
  createDataKitClient,
  createEndpointHealth,
  type DataKitClient,
  resolveDelivery,
} from '@pythond/datakit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deliveryOf, linesOf, never } from './deliveries.ts';
import { accepted, closeServers, OWNED, type Received, refused, startServer } from './servers.ts';

const PATIENT = { connectTimeoutMs: 30_000, headersTimeoutMs: 30_000, totalTimeoutMs: 30_000 };
const isPing = ({ path }: Received) => path === '/v1/ping';
const numberOf = (line: string) => Number(/,i=(\d+)/.exec(line)?.[1]);
const holds = ({ body }: Received, bad: ReadonlySet<number>) =>
  body.split('\n').some((line) => bad.has(numberOf(line)));
const range = (count: number) => [...Array(count).keys()];

describe('resolving a delivery', () => {
  let client: DataKitClient;
  beforeEach(() => {
    client = createDataKitClient(PATIENT);
  });
  afterEach(async () => {
    await client.close();
    await closeServers();
  });
  const resolve = (endpoint: string, points: number) =>
    resolveDelivery(client, deliveryOf(endpoint, linesOf(points)), { signal: never });

  it('delivers 999 of 1,000 and isolates the poison point with at most 21 requests', async () => {
    const bad = new Set([613]);
    const server = await startServer((request) =>
      holds(request, bad) ? refused('invalidLinePoint') : accepted,
    );
    const resolution = await resolve(server.endpoint, 1000);
    expect(resolution).toMatchObject({
      accepted: 999,
      dead: [{ indexes: [613], code: 'rejected', answer: { status: 400, code: 'invalidLinePoint' } }],
      retry: null,
    });
    expect(server.requests.length).toBeLessThanOrEqual(21);
    expect(server.stored).toEqual(linesOf(1000).filter((_, i) => i !== 613));
  });

  it('buries a batch of nothing but poison with at most 2,000 requests', async () => {
    const server = await startServer(() => refused('invalidLinePoint'));
    const resolution = await resolve(server.endpoint, 1000);
    expect(resolution.dead.flatMap(({ indexes }) => indexes)).toEqual(range(1000));
    expect(server.requests.length).toBeLessThanOrEqual(2000);
  });

  it('halves for a proxy that takes only so many bytes', async () => {
    const server = await startServer(({ body }) => (body.length > 2000 ? { status: 413 } : accepted));
    const lines = [...linesOf(300), `m,i=300 s="${'x'.repeat(3000)}" 1`];
    const resolution = await resolveDelivery(client, deliveryOf(server.endpoint, lines), { signal: never });
    expect(resolution).toMatchObject({ accepted: 300, dead: [{ indexes: [300], code: 'too-large' }] });
    expect(server.stored).toEqual(linesOf(300));
  });

  it('isolates the point on which a DataKit breaks, by its 200 without the header, and delivers the rest', async () => {
    const bad = new Set([5, 90]);
    const server = await startServer((request) =>
      !isPing(request) && holds(request, bad) ? { status: 200 } : accepted,
    );
    const resolution = await resolve(server.endpoint, 100);
    expect(resolution).toMatchObject({
      accepted: 98,
      dead: [
        { indexes: [5], code: 'not-acknowledged', answer: { status: 200 } },
        { indexes: [90], code: 'not-acknowledged' },
      ],
    });
    expect(server.requests.filter(({ dry }) => dry)).not.toEqual([]);
    // What is answered without the header was not stored; this server can't know.
    expect(server.stored.filter((line) => !bad.has(numberOf(line)))).toEqual(
      expect.arrayContaining(linesOf(100).filter((_, i) => !bad.has(i))),
    );
  });

  it('holds an endpoint that acknowledges nothing at all, and buries nothing', async () => {
    const server = await startServer((request) => (isPing(request) ? accepted : { status: 200 }));
    const resolution = await resolve(server.endpoint, 10);
    expect(resolution).toMatchObject({
      accepted: 0,
      dead: [],
      retry: { indexes: range(10), cause: { code: 'not-acknowledged' } },
      hold: { endpoint: server.endpoint, scope: 'endpoint' },
    });
  });

  it.each([
    { status: 400, body: 'Client sent an HTTP request to an HTTPS server.' },
    { status: 403, headers: OWNED, body: '{"error_code":"datakit.publicAccessDisabled"}' },
    { status: 404 },
    { status: 307, headers: { location: 'http://127.0.0.1:1/' } },
  ])('holds for an answer of $status, with one alert and no dead letter', async (reply) => {
    const alerts: string[] = [];
    const health = createEndpointHealth({
      baseMs: 600_000,
      capMs: 600_000,
      onChange: ({ from, to }) => from.kind === 'closed' && to.kind === 'open' && alerts.push(to.cause.code),
    });
    await client.close();
    client = createDataKitClient({ ...PATIENT, health });
    const server = await startServer((request) => (isPing(request) ? accepted : reply));
    const first = await resolve(server.endpoint, 10);
    const second = await resolve(server.endpoint, 10);
    expect(first).toMatchObject({ accepted: 0, dead: [], retry: { indexes: range(10) }, hold: {} });
    expect(second).toMatchObject({ dead: [], retry: { indexes: range(10), afterMs: expect.any(Number) } });
    expect(server.writes()).toHaveLength(1);
    expect(alerts).toEqual(['endpoint-fault']);
  });

  it('sends uncompressed what arrived damaged', async () => {
    const server = await startServer(({ headers }) =>
      headers['content-encoding'] ? refused('decodeBodyFailed') : accepted,
    );
    expect(await resolve(server.endpoint, 200)).toMatchObject({ accepted: 200, requests: 2 });
  });

  it('keeps the same points for the next try after a break in the middle of bisecting', async () => {
    const bad = new Set([0]);
    const server = await startServer((request, response) => {
      if (server.requests.length === 5) {
        response.socket?.resetAndDestroy();
        return undefined;
      }
      return holds(request, bad) ? refused('invalidLinePoint') : accepted;
    });
    const { accepted: count, dead, retry } = await resolve(server.endpoint, 64);
    expect(retry?.cause.code).toBe('reset');
    expect(count).toBe(server.stored.length);
    const settled = [...server.stored.map(numberOf), ...dead.flatMap(({ indexes }) => indexes)];
    expect([...settled, ...(retry?.indexes ?? [])].sort((a, b) => a - b)).toEqual(range(64));
  });
});

describe('a server without the acceptance header', () => {
  let client: DataKitClient;
  beforeEach(() => {
    client = createDataKitClient(PATIENT);
  });
  afterEach(async () => {
    await client.close();
    await closeServers();
  });
  const send = (endpoint: string) => client.send(deliveryOf(endpoint), { signal: never });

  it('is asked once, and believed from then on', async () => {
    const server = await startServer(() => ({ status: 200 }));
    for (let i = 0; i < 3; i++) expect(await send(server.endpoint)).toEqual({ kind: 'accepted' });
    expect(server.requests.filter(isPing)).toHaveLength(1);
  });

  it('is not asked as long as its answers carry the header', async () => {
    const server = await startServer();
    for (let i = 0; i < 3; i++) await send(server.endpoint);
    expect(server.requests.filter(isPing)).toEqual([]);
  });

  it('is not believed while it can not be asked', async () => {
    const server = await startServer((request) => ({ status: isPing(request) ? 503 : 200 }));
    expect(await send(server.endpoint)).toMatchObject({ kind: 'unknown', cause: { code: 'header-unknown' } });
  });

  it('is asked again after trouble', async () => {
    let status = 200;
    let headers = {};
    const server = await startServer((request) => ({ status: isPing(request) ? 200 : status, headers }));
    await send(server.endpoint);
    status = 503;
    await send(server.endpoint);
    status = 200;
    await send(server.endpoint);
    expect(server.requests.filter(isPing)).toHaveLength(2);
    headers = OWNED;
    await send(server.endpoint);
    headers = {};
    expect((await send(server.endpoint)).kind).toBe('suspect');
  });

  it('may take the place of one that showed it, after a hold', async () => {
    let headers: Record<string, string> = OWNED;
    const server = await startServer(() => ({ status: 200, headers }));
    await send(server.endpoint);
    headers = {};
    const resolution = await resolveDelivery(client, deliveryOf(server.endpoint), { signal: never });
    expect(resolution).toMatchObject({ accepted: 0, hold: { cause: { code: 'not-acknowledged' } } });
    expect(await send(server.endpoint)).toEqual({ kind: 'accepted' });
  });
});
