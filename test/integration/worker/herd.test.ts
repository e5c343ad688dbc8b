import { createSharedPacer } from '@pythond/datakit';
import { Ledger, unaccounted } from '@pythond/ledger';
import { Recurring } from '@pythond/lifecycle';
import { Normalizer } from '@pythond/normalizer';
import { Outbox } from '@pythond/outbox';
import { connect } from '@pythond/queue';
import { Rates } from '@pythond/registry';
import { createLogger } from '@pythond/telemetry';
import { Delivery } from '@pythond/worker';
import { expect, it, onTestFinished } from 'vitest';
import { expectConserved } from '../../support/conservation.ts';
import { eventually as eventuallyWithin } from '../../support/eventually.ts';
import { type FaultyDatakit, startFaultyDatakit } from '../../support/faulty-datakit.ts';
import { startTestRedis, type TestRedis } from '../../support/redis.ts';

const WORKERS = 40;
/** Of each of them. */
const REPORT_EVERY_MS = 350;
/** Requests a second of all of them, about 114; the normalizer's, of at most 80, come on top after an outage. */
const STEADY = (WORKERS * 1000) / REPORT_EVERY_MS;
const log = createLogger({ level: 'silent', app: 'test', file: null });

const eventually = <T>(what: string, probe: () => T | Promise<T>) => eventuallyWithin(what, probe, 300_000);

/** The way out of a worker on a machine of its own, with a collector that reports a point every now and then. */
class Sender {
  readonly emitted: string[] = [];
  /** Points that are nowhere yet. */
  underWay = 0;
  last: 'delivered' | 'queued' | null = null;
  readonly #delivery: Delivery;
  readonly #reporting: Recurring;
  readonly #ends: (() => unknown)[];

  constructor(nth: number, { target }: TestRedis, endpoint: string) {
    const redis = connect(target, 'failing', () => undefined);
    const outbox = new Outbox(redis);
    const pacer = createSharedPacer({ source: new Rates(redis, { source: `machine-${nth}` }) });
    this.#delivery = new Delivery({ outbox, datakit: { pacer }, log, emit: () => undefined });
    const report = async () => {
      const mark = `pt-w${nth}-${this.emitted.length}`;
      const timeMs = Date.now();
      this.emitted.push(mark);
      this.underWay += 1;
      const destination = { endpoint, category: 'metric', query: [] };
      const points = [{ index: 0, line: `m,mark=${mark} v=1 ${timeMs}000000`, timeMs }];
      const origin = { collector: `c${nth}`, run: mark, dueMs: timeMs };
      void this.#delivery.deliver(destination, points, origin).then(({ delivered }) => {
        this.underWay -= 1;
        this.last = delivered === 1 ? 'delivered' : 'queued';
      });
    };
    this.#reporting = new Recurring(report, REPORT_EVERY_MS, () => undefined);
    this.#ends = [() => this.#delivery.stop(), () => outbox.close(), () => redis.disconnect()];
  }

  start(): void {
    this.#reporting.start();
  }

  async rest(): Promise<void> {
    await this.#reporting.stop();
    await eventually('all that was reported to be somewhere', () => this.underWay === 0);
  }

  async end(): Promise<void> {
    await this.#reporting.stop();
    for (const end of this.#ends) await end();
  }
}

/** Requests in each second from then until now. */
function perSecond({ writes }: FaultyDatakit, sinceMs: number): number[] {
  const seconds = Math.floor((performance.now() - sinceMs) / 1000);
  const counts = Array.from({ length: seconds }, () => 0);
  for (const { atMs } of writes) {
    const nth = Math.floor((atMs - sinceMs) / 1000);
    if (nth >= 0 && nth < seconds) counts[nth] = (counts[nth] ?? 0) + 1;
  }
  return counts;
}

it('F35: 40 workers that join at once, and a DataKit that is back after an outage: at most twice the usual requests, and they catch up', {
  timeout: 600_000,
}, async () => {
  const redis = await startTestRedis();
  onTestFinished(() => redis.stop());
  const datakit = await startFaultyDatakit(null, { maxPoints: 1 });
  onTestFinished(() => datakit.close());
  const outbox = new Outbox(redis.redis);
  onTestFinished(() => outbox.close());
  const normalizer = new Normalizer({
    fleetMetrics: false,
    ...{ redis: redis.target, outbox: {}, late: 'send', datakit: null, deadLetterAgeMs: 86_400_000, log },
  });
  await normalizer.start();
  onTestFinished(() => normalizer.stop());
  const senders = Array.from({ length: WORKERS }, (_, nth) => new Sender(nth, redis, datakit.url));
  onTestFinished(async () => {
    await Promise.all(senders.map((sender) => sender.end()));
  });

  const startedMs = performance.now();
  for (const sender of senders) sender.start();
  await eventually('some seconds', () => perSecond(datakit, startedMs).length >= 6);
  const usual = perSecond(datakit, startedMs);
  expect(Math.max(...usual)).toBeLessThanOrEqual(2 * STEADY);

  await datakit.kill();
  await eventually('points to wait', async () => (await outbox.size()).points >= 300);
  const backMs = performance.now();
  await datakit.revive();
  await eventually('nothing to wait any more', async () => (await outbox.size()).points === 0);
  await eventually('points to go straight on', () => senders.every(({ last }) => last === 'delivered'));
  const after = perSecond(datakit, backMs);
  expect(Math.max(...after)).toBeLessThanOrEqual(2 * STEADY);

  await Promise.all(senders.map((sender) => sender.rest()));
  await eventually('nothing to wait', async () => (await outbox.size()).points === 0);
  const emitted = senders.flatMap((sender) => sender.emitted);
  expectConserved({ emitted, accepted: [datakit.accepted] });
  for (const { counts } of await new Ledger(redis.redis).entries()) expect(unaccounted(counts)).toBe(0);
});
