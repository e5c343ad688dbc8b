import { Ledger, noPoints, sumOf } from '@pythond/ledger';
import { Normalizer, type NormalizerEvent } from '@pythond/normalizer';
import { Outbox, type WaitingDelivery } from '@pythond/outbox';
import { createLogger } from '@pythond/telemetry';
import { expect, it, onTestFinished } from 'vitest';
import { startCli } from '../../support/cli.ts';
import { eventually } from '../../support/eventually.ts';
import { startFaultyDatakit } from '../../support/faulty-datakit.ts';
import { startTestRedis } from '../../support/redis.ts';

const LONG_MS = 100_000;

function delivery(endpoint: string, nth: number): WaitingDelivery {
  return {
    id: `${new URL(endpoint).port}-${nth}`,
    destination: { endpoint, category: 'metric', query: [], form: 'line-protocol' },
    points: [`m,nth=${nth} v=1i ${Date.now()}000000`],
    origins: [{ collector: 'a', run: `${nth}`, dueMs: 0, points: 1 }],
    sinceMs: Date.now(),
    tries: 1,
    reason: 'refused',
  };
}

/** A Redis with an outbox, and what starts a normalizer on it. */
async function prepare() {
  const redis = await startTestRedis();
  onTestFinished(() => redis.stop());
  const outbox = new Outbox(redis.redis);
  onTestFinished(() => outbox.close());
  const events: NormalizerEvent[] = [];
  const start = async () => {
    const normalizer = new Normalizer({
      fleetMetrics: false,
      ...{ redis: redis.target, outbox: {}, late: 'dead-letter', datakit: null },
      deadLetterAgeMs: 86_400_000,
      log: createLogger({ level: 'silent', app: 'normalizer', file: null }),
      onEvent: (event) => events.push(event),
    });
    onTestFinished(() => normalizer.stop());
    await normalizer.start();
  };
  return { outbox, events, ledger: new Ledger(redis.redis), start };
}

it('the backlog of a DataKit that is back does not keep what goes to another one waiting', async () => {
  const BACKLOG = 600; // at 80 requests a second these take a while
  const { outbox, start } = await prepare();
  const [back, other] = await Promise.all([startFaultyDatakit(), startFaultyDatakit()]);
  onTestFinished(async () => {
    await Promise.all([back.close(), other.close()]);
  });
  for (let nth = 0; nth < BACKLOG; nth += 1) await outbox.wait(delivery(back.url, nth), 0);
  await outbox.wait(delivery(other.url, 0), 0);
  await start();
  await eventually('the other DataKit to have its point', () => other.accepted.total === 1, LONG_MS);
  expect(back.accepted.total).toBeLessThan(BACKLOG / 2);
  await eventually('nothing to wait', async () => (await outbox.size()).deliveries === 0, LONG_MS);
  expect(back.accepted.total).toBe(BACKLOG);
});

it('F05: a DataKit that is stopped is held, others go on, and it has everything when it goes on', async () => {
  const POINTS = 20;
  const { outbox, events, ledger, start } = await prepare();
  const other = await startFaultyDatakit();
  onTestFinished(() => other.close());
  const stopped = startCli(['datakit-standin', '--port', '0']);
  onTestFinished(async () => {
    stopped.process.kill('SIGCONT');
    await stopped.stop();
  });
  const urlOf = () => /listens at (\S+);/.exec(stopped.stdout())?.[1];
  const url = await eventually('the stand-in to listen', () => urlOf() ?? null, LONG_MS);
  stopped.process.kill('SIGSTOP');
  for (let nth = 0; nth < POINTS; nth += 1) await outbox.wait(delivery(url, nth), 0);
  await start();
  const isHeld = () => events.filter(({ kind }) => kind === 'still-waiting').length > POINTS;
  await outbox.wait(delivery(other.url, 0), 0);
  await eventually('the other DataKit to have its point', () => other.accepted.total === 1, LONG_MS);
  expect(events.filter(({ kind }) => kind === 'still-waiting')).toEqual([]); // no try has come to its end yet
  await eventually('tries in vain', isHeld, LONG_MS);
  expect((await outbox.size()).points).toBe(POINTS);
  stopped.process.kill('SIGCONT');
  await eventually('nothing to wait', async () => (await outbox.size()).deliveries === 0, LONG_MS);
  const answer = await fetch(`${url}/_standin/points`);
  const { points } = (await answer.json()) as { points: { tags: { nth: string } }[] };
  expect(new Set(points.map(({ tags }) => tags.nth)).size).toBe(POINTS); // some of them twice, the same
  const sum = sumOf(await ledger.entries());
  expect(sum).toEqual({ ...noPoints(), emitted: POINTS + 1, accepted: POINTS + 1 });
});

it('F01: an hour of 10,000 points a minute drains at no more than 80 requests a second, with the times of the points', async () => {
  const BATCHES = 600; // of 1,000 points, ten a minute
  const { outbox, ledger, start } = await prepare();
  const server = await startFaultyDatakit(null, { maxPoints: 1 });
  onTestFinished(() => server.close());
  const hourAgoMs = Date.now() - 3_600_000;
  for (let nth = 0; nth < BATCHES; nth += 1) {
    const atNs = `${hourAgoMs + nth * 6_000}000000`;
    const points = Array.from({ length: 1_000 }, (_, at) => `m,batch=${nth},at=${at} v=1i ${atNs}`);
    const origins = [{ collector: 'a', run: `${nth}`, dueMs: 0, points: 1_000 }];
    await outbox.wait({ ...delivery(server.url, nth), points, origins }, 0);
  }
  await start();
  await eventually('nothing to wait', async () => (await outbox.size()).deliveries === 0, 3 * LONG_MS);
  const all = BATCHES * 1_000;
  expect(server.accepted.total).toBe(all);
  const late = server.accepted
    .all()
    .filter(({ point }) => point.time !== `${hourAgoMs + Number(point.tags['batch']) * 6_000}000000`);
  expect(late).toEqual([]);
  const timesMs = server.writes.map(({ atMs }) => atMs);
  expect(timesMs.length).toBe(BATCHES);
  const seconds = ((timesMs.at(-1) ?? 0) - (timesMs[0] ?? 0)) / 1000;
  expect(BATCHES).toBeLessThanOrEqual(80 * (seconds + 1));
  expect(sumOf(await ledger.entries())).toEqual({ ...noPoints(), emitted: all, accepted: all });
}, 600_000);
