import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { DeadLetter } from '@pythond/jobs';
import type { WaitingDelivery } from '@pythond/outbox';
import { createLogger } from '@pythond/telemetry';
import { afterEach, describe, expect, it } from 'vitest';
import { Delivery } from './delivery.ts';
import type { WorkerEvent } from './events.ts';

const log = createLogger({ level: 'silent', app: 'test', file: '/dev/null' });
const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A DataKit that answers each write in turn with the given statuses, the last one for ever. */
async function datakit(...statuses: number[]): Promise<{ url: string; bodies: string[] }> {
  const bodies: string[] = [];
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const status = (statuses.length > 1 ? statuses.shift() : statuses[0]) ?? 200;
      bodies.push(`${status} ${Buffer.concat(chunks)}`);
      response.writeHead(status, { 'X-DataKit': 'dk' }).end(status === 200 ? '' : '{"error_code":"x"}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(async () => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, bodies };
}

class FakeOutbox {
  readonly waiting: WaitingDelivery[] = [];
  readonly withdrawn: string[] = [];
  readonly letters: DeadLetter[] = [];
  /** So many calls fail, as without a Redis. */
  failures = 0;

  async wait(delivery: WaitingDelivery): Promise<number> {
    this.#fail();
    this.waiting.push(delivery);
    return 0;
  }

  async withdraw(id: string): Promise<void> {
    this.withdrawn.push(id);
  }

  async bury(letters: readonly DeadLetter[]): Promise<void> {
    this.#fail();
    this.letters.push(...letters);
  }

  #fail(): void {
    if (this.failures > 0) {
      this.failures -= 1;
      throw new Error('no Redis');
    }
  }
}

function delivery(outbox: FakeOutbox) {
  const events: WorkerEvent[] = [];
  const made = new Delivery({ outbox, log, emit: (event) => events.push(event) });
  closing.push(() => made.stop());
  return { made, events };
}

const points = (count: number) =>
  Array.from({ length: count }, (_, index) => ({
    index,
    line: `m v=${index} 1700000000000000000`,
    timeMs: 1,
  }));
const origin = { collector: 'c', run: 'r', dueMs: 1 };

describe('what a run reported', () => {
  it('is delivered when DataKit accepts it', async () => {
    const { url, bodies } = await datakit(200);
    const outbox = new FakeOutbox();
    const { made, events } = delivery(outbox);
    const counts = await made.deliver({ endpoint: url, category: 'metric', query: [] }, points(3), origin);
    expect(counts).toEqual({ delivered: 3, queued: 0, dead: 0 });
    expect(bodies[0]).toBe(
      `200 ${points(3)
        .map(({ line }) => line)
        .join('\n')}`,
    );
    expect(events).toMatchObject([{ kind: 'delivered', points: 3, collectors: ['c'] }]);
  });

  it('waits in the outbox, whole, when DataKit fails', async () => {
    const { url } = await datakit(500);
    const outbox = new FakeOutbox();
    const { made, events } = delivery(outbox);
    const counts = await made.deliver({ endpoint: url, category: 'metric', query: [] }, points(3), origin);
    expect(counts).toEqual({ delivered: 0, queued: 3, dead: 0 });
    expect(outbox.waiting).toMatchObject([
      { points: points(3).map(({ line }) => line), origins: [{ ...origin, points: 3 }] },
    ]);
    expect(events).toMatchObject([{ kind: 'queued', points: 3 }]);
  });

  it('is held while neither DataKit nor Redis takes it, and delivered by the first that does', async () => {
    const { url, bodies } = await datakit(500, 500, 200);
    const outbox = new FakeOutbox();
    outbox.failures = 2;
    const { made } = delivery(outbox);
    const counts = await made.deliver({ endpoint: url, category: 'metric', query: [] }, points(2), origin);
    expect(counts).toEqual({ delivered: 2, queued: 0, dead: 0 });
    expect(outbox.withdrawn).toHaveLength(1); // Redis may have taken it, and only its answer was lost
    expect(new Set(bodies.map((body) => body.slice(4)))).toHaveLength(1); // the same bytes each time
  });

  it('tells whether it goes to several DataKits: with one, giving way would help nobody', async () => {
    const [one, other] = [await datakit(200), await datakit(200)];
    const { made } = delivery(new FakeOutbox());
    const send = (endpoint: string) =>
      made.deliver({ endpoint, category: 'metric', query: [] }, points(1), origin);
    await send(one.url);
    await send(one.url);
    expect(made.hasSeveralDatakits).toBe(false);
    await send(other.url);
    expect(made.hasSeveralDatakits).toBe(true);
  });
});
