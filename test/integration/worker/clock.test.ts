import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type CollectorId, schedulerId, tickId } from '@pythond/jobs';
import { TickQueue } from '@pythond/queue';
import { Fleet, FleetClock, keys } from '@pythond/registry';
import { createLogger } from '@pythond/telemetry';
import { Worker } from '@pythond/worker';
import { describe, expect, it, onTestFinished } from 'vitest';
import { repository } from '../../support/cli.ts';
import { eventually } from '../../support/eventually.ts';
import { startTestRedis, type TestRedis } from '../../support/redis.ts';

async function startRedis(): Promise<TestRedis> {
  const server = await startTestRedis();
  onTestFinished(() => server.stop());
  return server;
}

describe("a clock that is compared with Redis's", () => {
  it('is off from one second on, is told so once, and again when it is right', async () => {
    const { redis } = await startRedis();
    const told: string[] = [];
    let aheadMs = 500;
    const clock = new FleetClock({
      redis,
      onOff: (ms) => told.push(`off ${Math.round(ms / 1000)}`),
      onRight: () => told.push('right'),
      onError: (error) => told.push(String(error)),
      now: () => Date.now() + aheadMs,
    });
    onTestFinished(() => clock.stop());
    await clock.start();
    expect(clock.offMs).toBeNull();
    aheadMs = -90_000; // it was set while it ran: that is noticed before a minute is over
    await eventually('it to be off', () => clock.offMs !== null);
    expect(Math.abs(clock.nowMs - Date.now())).toBeLessThan(30_000);
    aheadMs = 0;
    await eventually('it to be right', () => clock.offMs === null);
    expect(told).toEqual(['off 90', 'right']);
    aheadMs = 10_800_000; // it is asked whether it may be acted upon before that is noticed
    expect(await clock.isRight()).toBe(false);
  });
});

describe('a worker whose clock is off', () => {
  it('takes no ticks, says so, and goes on by itself when it is right', async () => {
    const { redis, target } = await startRedis();
    const cacheDir = await mkdtemp(path.join(tmpdir(), 'pythond-clock-'));
    onTestFinished(() => rm(cacheDir, { recursive: true, force: true }));
    let aheadMs = 60_000;
    const worker = new Worker({
      ...{ name: 'w', version: '0', redis: target, pools: ['default'], concurrency: 2, maxHosts: 1 },
      ...{
        host: 'h',
        maxResidents: 1,
        drainMs: 20_000,
        maxHostBytes: 1e9,
        datakit: null,
        outbox: {},
        late: 'send',
        sandbox: 'none',
        cacheDir,
      },
      ...{
        secretsDirs: [],
        trustedKeys: null,
        corePath: path.join(repository, 'python.d/core'),
        env: process.env,
      },
      log: createLogger({ level: 'silent', app: 'worker', file: null }),
      now: () => Date.now() + aheadMs,
    });
    onTestFinished(() => worker.stop());
    await worker.start();
    const fleet = new Fleet(redis);
    expect(await fleet.problems()).toMatchObject([{ level: 'error', code: 'clock-off-redis' }]);

    const ticks = new TickQueue('default', redis);
    onTestFinished(() => ticks.close());
    const nobody = 'no/such/collector:Any' as CollectorId; // a worker that takes it has no use for it
    const add = async (due: number) => {
      const id = tickId('manual', schedulerId(nobody), due);
      await ticks.runOnce(id, nobody);
      return id;
    };
    const leftMs = () => redis.pttl(keys.worker('w'));
    const aHeartbeatLater = async () => {
      await eventually('time to pass', async () => (await leftMs()) < 13_000);
      await eventually('its next heartbeat', async () => (await leftMs()) > 13_500);
    };
    const first = await add(1);
    await aHeartbeatLater();
    expect(await ticks.answer(first)).toBeNull();

    aheadMs = 0;
    expect(await eventually('it to be taken', () => ticks.answer(first))).toBe('gone');
    await eventually('its problem to be gone', async () => (await fleet.problems()).length === 0);

    aheadMs = -60_000; // now it waits for jobs already
    await eventually('its problem to be told', async () => (await fleet.problems()).length === 1);
    const second = await add(2);
    await aHeartbeatLater();
    expect(await ticks.answer(second)).toBeNull();
    aheadMs = 0;
    expect(await eventually('it to be taken', () => ticks.answer(second))).toBe('gone');
  });
});
