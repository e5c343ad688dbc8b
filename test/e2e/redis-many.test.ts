import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { connect, type Redis } from '@pythond/queue';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { runCli } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';
import { makeFleet, type TestFleet } from '../support/fleet.ts';
import {
  freePort,
  type RedisServer,
  type RedisServerOptions,
  startRedisServer,
} from '../support/redis-server.ts';
import { STEADY, steadyRuns, writeSteady } from '../support/steady-collector.ts';

// Fleets whose Redis is more than one server, started here; the one that they live on is killed under them.
vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 });

const LONG_MS = 300_000;
const PASSWORD = 'of-the-redis';
const SENTINEL_PASSWORD = 'of-the-sentinels';
const stops: (() => Promise<void>)[] = [];
const atEnd = (stop: () => Promise<void>) => stops.unshift(stop);

afterAll(async () => {
  for (const stop of stops) await stop();
});

async function start(options: RedisServerOptions): Promise<RedisServer> {
  const server = await startRedisServer(options);
  atEnd(server.stop);
  return server;
}

/** A connection of the test's own. */
function clientOf({ port }: RedisServer, password: string): Redis {
  const redis = connect({ url: `redis://:${password}@127.0.0.1:${port}` }, 'failing', () => undefined);
  atEnd(async () => redis.disconnect());
  return redis;
}

const common = (port: number) => [
  ...[`port ${port}`, `requirepass ${PASSWORD}`, `masterauth ${PASSWORD}`],
  ...['appendonly yes', 'hz 100', 'repl-diskless-sync-delay 0'],
];

/** All apps, with a collector of one second that has run. */
async function startApps(fleet: TestFleet) {
  await writeSteady(fleet);
  const apps = [await fleet.startWorker(), fleet.start('normalizer'), fleet.start('scheduler')];
  await eventually('the collector', () => fleet.view(STEADY), LONG_MS);
  await steadyRuns(fleet, 2);
  return apps;
}

/** Ends the server that the fleet lives on; all goes on by itself on another. */
async function outlives(fleet: TestFleet, kill: () => Promise<void>): Promise<void> {
  const apps = await startApps(fleet);
  // What replication had not sent yet is lost with its master; what is asked about here it has.
  await fleet.redis.wait(1, 60_000);
  const before = await fleet.counts(STEADY);
  await kill();
  await steadyRuns(fleet, 3);
  const after = await fleet.counts(STEADY);
  for (const app of apps) {
    expect(app.process.exitCode).toBeNull();
    expect(app.stdout() + app.stderr()).not.toContain(PASSWORD);
  }
  expect(after['due']).toBeGreaterThan(before['due'] ?? 0);
  const last = (await fleet.runs(STEADY)).slice(-3);
  expect(last.map(({ outcome, points }) => [outcome.kind, points.delivered])).toEqual(
    last.map(() => ['succeeded', 1]),
  );
  expect(await fleet.cli('ls')).toMatchObject({ code: 0, stdout: expect.stringContaining(STEADY) });
}

async function complaint(url: string, env: Readonly<Record<string, string>> = {}): Promise<string> {
  const { code, stderr, stdout } = await runCli(['ls'], { env: { ...env, REDIS_URL: url } });
  expect(code).toBe(2);
  expect(stdout + stderr).not.toContain(PASSWORD);
  return stderr;
}

describe.concurrent('a fleet whose Redis is more than one server', () => {
  it('is led by Sentinels to the replica that took over', async () => {
    const master = await start({ config: common });
    const replica = await start({
      config: (port) => [...common(port), `replicaof 127.0.0.1 ${master.port}`],
    });
    const onMaster = clientOf(master, PASSWORD);
    const follows = async () => (await onMaster.info('replication')).includes('state=online');
    await eventually('the replica to follow', follows, LONG_MS);
    const sentinels: RedisServer[] = [];
    for (let count = 0; count < 3; count += 1) {
      const config = (port: number) => [
        ...[
          `port ${port}`,
          `requirepass ${SENTINEL_PASSWORD}`,
          `sentinel sentinel-pass ${SENTINEL_PASSWORD}`,
        ],
        ...[`sentinel monitor fleet 127.0.0.1 ${master.port} 2`, `sentinel auth-pass fleet ${PASSWORD}`],
        ...['sentinel down-after-milliseconds fleet 1000', 'sentinel failover-timeout fleet 10000'],
      ];
      sentinels.push(await start({ config, args: ['--sentinel'] }));
    }
    const [first] = sentinels;
    if (!first) throw new Error('no Sentinel');
    const asked = clientOf(first, SENTINEL_PASSWORD);
    const areReady = async () => {
      const fields = (await asked.call('SENTINEL', 'MASTER', 'fleet')) as string[];
      const of = (name: string) => Number(fields[fields.indexOf(name) + 1]);
      return of('num-slaves') === 1 && of('num-other-sentinels') === 2;
    };
    await eventually('the Sentinels to know each other and the replica', areReady, LONG_MS);
    const passwordFile = path.join(master.dir, 'sentinel-password');
    await writeFile(passwordFile, `${SENTINEL_PASSWORD}\n`);
    const hosts = sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',');
    const url = `redis+sentinel://:${PASSWORD}@${hosts}/fleet`;
    const told = { PYTHOND_REDIS_SENTINEL_PASSWORD_FILE: passwordFile };

    const at = ({ port }: RedisServer, password: string) => `redis://:${password}@127.0.0.1:${port}`;
    expect(await complaint(at(first, SENTINEL_PASSWORD))).toMatch(/is a Sentinel.*redis\+sentinel:\/\//);
    expect(await complaint(at(replica, PASSWORD))).toContain(`is a replica of 127.0.0.1:${master.port}`);
    expect(await complaint(url.replace('/fleet', '/float'), told)).toMatch(/no Redis of that name/);
    expect(await complaint(url)).toMatch(/refused the login .*PYTHOND_REDIS_SENTINEL_PASSWORD_FILE/);

    const fleet = await makeFleet({
      redis: { target: { url, sentinelPasswordFile: passwordFile }, env: { ...told, REDIS_URL: url } },
      atEnd,
    });
    await outlives(fleet, master.kill);
    expect(await clientOf(replica, PASSWORD).info('replication')).toContain('role:master');
  });

  it('lives on one node of a Redis Cluster, and moves to the replica that takes over', async () => {
    const nodes: RedisServer[] = [];
    for (let count = 0; count < 4; count += 1) {
      const bus = await freePort();
      nodes.push(
        await start({
          config: (port) => [
            ...[...common(port), 'cluster-enabled yes', `cluster-port ${bus}`, 'cluster-node-timeout 1000'],
            'cluster-replica-validity-factor 0',
          ],
        }),
      );
    }
    const [one, two, three, four] = nodes.map((node) => ({ ...node, redis: clientOf(node, PASSWORD) }));
    if (!one || !two || !three || !four) throw new Error('no nodes');
    const busOf = async (redis: Redis) =>
      String(((await redis.config('GET', 'cluster-port')) as string[])[1]);
    for (const other of [two, three, four]) {
      await one.redis.call('CLUSTER', 'MEET', '127.0.0.1', other.port, await busOf(other.redis));
    }
    // The fleet's slot is with the second; the first is asked for it. A majority of masters votes on who takes over.
    await one.redis.call('CLUSTER', 'ADDSLOTSRANGE', 0, 8000);
    await two.redis.call('CLUSTER', 'ADDSLOTSRANGE', 8001, 16000);
    await three.redis.call('CLUSTER', 'ADDSLOTSRANGE', 16001, 16383);
    const second = String(await two.redis.call('CLUSTER', 'MYID'));
    const met = async () => (await four.redis.call('CLUSTER', 'REPLICATE', second)) === 'OK';
    await eventually('the fourth to know the second', met, LONG_MS);
    const isWell = async () =>
      (await one.redis.cluster('INFO')).includes('cluster_state:ok') &&
      (await two.redis.info('replication')).includes('state=online');
    await eventually('the cluster to be well', isWell, LONG_MS);

    expect(await complaint(`redis://:${PASSWORD}@127.0.0.1:${one.port}`)).toMatch(
      /is a node of a Redis Cluster.*MOVED.*redis\+cluster:\/\//,
    );
    const url = `redis+cluster://:${PASSWORD}@127.0.0.1:${one.port},127.0.0.1:${three.port}`;
    const fleet = await makeFleet({ redis: { target: { url }, env: { REDIS_URL: url } }, atEnd });
    await outlives(fleet, two.kill);
    expect(await four.redis.dbsize()).toBeGreaterThan(0);
    expect(await four.redis.info('replication')).toContain('role:master');
    expect(await one.redis.dbsize()).toBe(0);
  });
});
