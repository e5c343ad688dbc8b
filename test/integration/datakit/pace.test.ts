import {
  createBatcher,
  createDataKitClient,
  createEndpointHealth,
  createPacer,
  type Outcome,
  resolveDelivery,
} from '@pythond/datakit';
import { afterEach, describe, expect, it } from 'vitest';
import { deliveryOf, linesOf, never } from './deliveries.ts';
import { accepted, closeServers, OWNED, startRawServer, startServer } from './servers.ts';

const PATIENT = { connectTimeoutMs: 300_000, headersTimeoutMs: 300_000, totalTimeoutMs: 300_000 };
const batchLines = (count: number, prefix?: string) => linesOf(count, prefix).map((line) => ({ line }));

describe('a server that says "too many"', () => {
  afterEach(closeServers);

  it('gets nothing for a second, loses nothing, and takes the batch afterwards', async () => {
    const askedMs: number[] = [];
    const server = await startServer(() => {
      askedMs.push(performance.now());
      return askedMs.length === 1
        ? { status: 429, headers: OWNED, body: '{"error_code":"datakit.reachMaxAPILimit"}' }
        : accepted;
    });
    const client = createDataKitClient({ ...PATIENT, pacer: createPacer() });
    const delivery = deliveryOf(server.endpoint, linesOf(10));
    const first = await resolveDelivery(client, delivery, { signal: never });
    expect(first).toMatchObject({
      accepted: 0,
      dead: [],
      hold: null,
      retry: { cause: { code: 'throttled' } },
    });
    expect(first.retry?.afterMs).toBeGreaterThanOrEqual(999);
    const second = await resolveDelivery(client, delivery, { signal: never });
    // Nobody is kept waiting for so long: nothing was sent, and it says when.
    expect(second).toMatchObject({ accepted: 0, requests: 1, retry: { cause: { code: 'throttled' } } });
    expect(askedMs).toHaveLength(1);
    for (let { accepted: taken, retry } = second; taken === 0; ) {
      await new Promise((resolve) => setTimeout(resolve, retry?.afterMs ?? 0));
      ({ accepted: taken, retry } = await resolveDelivery(client, delivery, { signal: never }));
    }
    expect((askedMs[1] ?? 0) - (askedMs[0] ?? 0)).toBeGreaterThanOrEqual(999);
    await client.close();
  });

  it('slows its own route only', async () => {
    const server = await startServer(({ path }) =>
      path.endsWith('/logging') ? { status: 429, headers: OWNED } : accepted,
    );
    const waits: string[] = [];
    const pacer = createPacer();
    const throttled = (key: string, afterMs: number | null) => {
      waits.push(key);
      return pacer.throttled(key, afterMs);
    };
    const client = createDataKitClient({ ...PATIENT, pacer: { ...pacer, throttled } });
    await client.send({ ...deliveryOf(server.endpoint), category: 'logging' }, { signal: never });
    expect(await client.send(deliveryOf(server.endpoint), { signal: never })).toEqual({ kind: 'accepted' });
    expect(waits).toEqual([`${server.endpoint}/v1/write/logging`]);
    await client.close();
  });
});

describe('two endpoints, one of which is dead', () => {
  afterEach(closeServers);

  it('delivers to the other as if the dead one were not there', async () => {
    const hole = await startRawServer(() => undefined);
    const good = await startServer();
    const health = createEndpointHealth();
    const client = createDataKitClient({ ...PATIENT, health });
    const stopping = new AbortController();
    const batcher = createBatcher<string>({
      maxPoints: 10,
      send: (batch, signal) => resolveDelivery(client, batch, { signal }),
    });
    const to = (endpoint: string) => ({ endpoint, category: 'metric', query: [] });
    const stuck: Promise<Outcome>[] = [];
    // The dead one answers nothing within this test: whoever waits for it waits until the end.
    for (let i = 0; i < 50; i++)
      stuck.push(batcher.add(to(hole.endpoint), batchLines(10, `d${i}`), `dead ${i}`));
    for (let i = 0; i < 20; i++) {
      const outcome = await batcher.add(to(good.endpoint), batchLines(7, `g${i}`), `good ${i}`);
      expect(outcome).toEqual({ accepted: 7, dead: [], retry: [], unsent: [] });
    }
    expect(good.stored).toHaveLength(140);
    expect(health.troubled()).toEqual([]);
    stopping.abort(new Error('the test is over'));
    await batcher.close(stopping.signal);
    for (const outcome of await Promise.all(stuck)) {
      const back = [...outcome.retry, ...outcome.unsent].flatMap(({ indexes }) => indexes);
      expect(back.sort((a, b) => a - b)).toEqual([...Array(10).keys()]);
    }
    await client.close();
  });
});

describe('many runs at once', () => {
  afterEach(closeServers);

  it('share requests, and each learns what became of its own points', async () => {
    const server = await startServer(({ body }) =>
      body.includes('poison')
        ? { status: 400, headers: OWNED, body: '{"error_code":"datakit.invalidLinePoint"}' }
        : accepted,
    );
    const client = createDataKitClient(PATIENT);
    const batcher = createBatcher<number>({
      send: (batch, signal) => resolveDelivery(client, batch, { signal }),
    });
    const to = { endpoint: server.endpoint, category: 'metric', query: [] };
    const outcomes = await Promise.all(
      Array.from({ length: 200 }, (_, run) =>
        batcher.add(to, batchLines(3, run === 42 ? 'poison' : `r${run}`), run),
      ),
    );
    for (const [run, outcome] of outcomes.entries()) {
      expect(outcome.accepted).toBe(run === 42 ? 0 : 3);
      expect(outcome.dead.flatMap(({ indexes }) => indexes)).toEqual(run === 42 ? [0, 1, 2] : []);
    }
    expect(server.stored).toHaveLength(199 * 3);
    // 600 points fit one batch; three bad ones side by side cost at most 2 * 3 * 10 more.
    expect(server.requests.length).toBeLessThanOrEqual(61);
    await client.close();
  });
});
