import { createHash } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { connect, type Redis } from '@pythond/queue';
import { keys } from '@pythond/registry';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type CliResult, repository, runCli } from '../support/cli.ts';
import { replies } from '../support/datakit-replies.ts';
import { eventually } from '../support/eventually.ts';
import { type FaultFleet, makeFaultFleet, TICKS } from '../support/fault-fleet.ts';
import { block } from '../support/home.ts';
import { type RedisServer, startRedisServer } from '../support/redis-server.ts';

// deploy/redis/users.acl on a real Redis, and a whole fleet whose apps log in as its users.
vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 });

const LONG_MS = 300_000;
const ADMIN = 'of-the-test';
const KEEPS = 'keeps/keeps/keeps:Keeps';
const users = ['scheduler', 'worker', 'normalizer', 'operator', 'viewer'] as const;
type User = (typeof users)[number];
const stops: (() => Promise<void>)[] = [];
const atEnd = (stop: () => Promise<void>) => stops.unshift(stop);
let server: RedisServer;
let admin: Redis;
let faults: FaultFleet;

const urlOf = (user: User) => `redis://pythond-${user}:of-the-${user}@127.0.0.1:${server.port}`;

function clientOf(url: string): Redis {
  const redis = connect({ url }, 'failing', () => undefined);
  atEnd(async () => redis.disconnect());
  return redis;
}

/** The file as it is delivered, with everybody's password. */
async function aclFile(): Promise<string> {
  const text = await readFile(path.join(repository, 'deploy/redis/users.acl'), 'utf8');
  return users.reduce((done, user) => {
    const hash = createHash('sha256').update(`of-the-${user}`).digest('hex');
    return done.replace(`sha256-of-the-${user}s-password`, hash);
  }, text);
}

beforeAll(async () => {
  const text = `${await aclFile()}user admin on >${ADMIN} ~* &* +@all\n`;
  server = await startRedisServer({
    config: async (port, dir) => {
      await writeFile(path.join(dir, 'users.acl'), text);
      return [`port ${port}`, 'hz 100', 'appendonly yes', 'aclfile users.acl'];
    },
  });
  atEnd(server.stop);
  admin = clientOf(`redis://admin:${ADMIN}@127.0.0.1:${server.port}`);
  faults = await makeFaultFleet(atEnd, {
    ticks: true,
    redis: {
      target: { url: `redis://admin:${ADMIN}@127.0.0.1:${server.port}` },
      env: { REDIS_URL: urlOf('operator') },
    },
    envOf: (app) => ({ REDIS_URL: urlOf(app) }),
  });
});
afterAll(async () => {
  for (const stop of stops) await stop();
});

/** What was refused, to whom: `pythond-worker hset {pythond}:…`. */
async function refused(): Promise<string[]> {
  const entries = (await admin.acl('LOG')) as unknown as string[][];
  return entries.map((entry) => {
    const of = (name: string) => entry[entry.indexOf(name) + 1];
    return [of('username'), of('reason'), of('context'), of('object'), of('client-info')].join(' ');
  });
}

function well(...results: CliResult[]): void {
  for (const { code, stdout, stderr } of results)
    expect([code, code === 0 ? '' : stdout + stderr]).toEqual([0, '']);
}

describe('deploy/redis/users.acl', () => {
  it('is refused by Redis as long as a password is not put in', async () => {
    const text = await readFile(path.join(repository, 'deploy/redis/users.acl'), 'utf8');
    const started = startRedisServer({
      config: async (port, dir) => {
        await writeFile(path.join(dir, 'users.acl'), text);
        return [`port ${port}`, 'aclfile users.acl'];
      },
    });
    await expect(started).rejects.toThrow(/Aborting Redis startup because of ACL errors/);
  });

  it('gives each app what it needs', async () => {
    const { fleet } = faults;
    const resident = [
      ...['from datakit_framework import DataKitFramework', 'import time', '', ''],
      ...['class Stays(DataKitFramework):', '    interval = 1', '', '    def run(self):'],
      "        self.report({'M': [{'measurement': 'stays', 'fields': {'v': 1}}], 'input': 'stays'})",
      '',
    ].join('\n');
    const keeps = resident
      .replace('Stays', 'Keeps')
      .replace('        self.report', "        self.n = getattr(self, 'n', 0) + 1\n        self.report");
    await fleet.home.write({
      'conf.d/stays.conf': block('stays', ['stays'], '  isolation = "resident"'),
      'python.d/stays/stays.py': resident,
      'conf.d/keeps.conf': block('keeps', ['keeps']),
      'python.d/keeps/keeps.py': keeps,
      'conf.d/here.conf': block('here', ['keeps'], '  scope = "host"'),
    });
    await faults.emit({ points: { M: 2, L: 1 } });
    const isKept = async () => (await admin.exists(`{pythond}:letters`)) === 1;
    faults.goWrong(() => replies.rejected);
    await faults.emit({ points: { M: 2 } });
    await eventually('dead letters', isKept, LONG_MS);
    faults.goWrong(null);
    faults.way.goWrong({ kind: 'black-hole' });
    const waits = faults.emit({ points: { M: 2 } });
    await eventually('points that wait', async () => (await faults.waiting()) > 0, LONG_MS);
    await faults.way.goWrong(null);
    await waits;
    await faults.drained();
    const hasRun = (id: string) => async () => ((await fleet.counts(id))['succeeded'] ?? 0) >= 2;
    await eventually('the resident to run', hasRun('stays/stays/stays:Stays'), LONG_MS);
    await eventually('the one with a state to run', hasRun(KEEPS), LONG_MS);

    const isHere = async () => (await fleet.collectors.ids()).find((id) => id.startsWith('here/'));
    const here = await eventually('the collector of this host', isHere, LONG_MS);
    await eventually('it to run', hasRun(here), LONG_MS);

    well(
      await fleet.cli('run', KEEPS),
      await fleet.cli('pause', '--all'),
      await fleet.cli('resume', '--all'),
    );
    well(await fleet.cli('state', 'show', KEEPS), await fleet.cli('state', 'clear', KEEPS));
    await fleet.home.write({ 'python.d/keeps/keeps.py': `${keeps}\n# edited\n` });
    const isNew = async () => ((await fleet.view(KEEPS))?.record.inputNumber ?? 0) > 1;
    await eventually('the edit to be taken over', isNew, LONG_MS);
    well(await fleet.cli('rollout', 'rollback', 'keeps'));
    await rm(path.join(fleet.home.dir, 'conf.d/stays.conf'));
    await eventually(
      'the resident to be gone',
      async () => (await fleet.view('stays/stays/stays:Stays')) === null,
      LONG_MS,
    );
    well(await fleet.cli('dead', 'replay', '--all'));
    well(await fleet.cli('dead', 'purge', '--all'));

    const looks = [
      ['ls'],
      ['show', 'tick'],
      ['workers'],
      ['status'],
      ['runs', 'tick'],
      ['logs', 'tick'],
      ['ticks'],
      ['ledger'],
      ['dead', 'ls'],
      ['rollout', 'ls'],
      ['state', 'show', KEEPS],
    ];
    for (const words of looks) {
      well(await runCli(words, { cwd: fleet.home.dir, env: { REDIS_URL: urlOf('viewer') } }));
    }

    for (const app of [faults.scheduler, faults.worker, faults.normalizer]) {
      expect(await app.stop('SIGTERM')).toMatchObject({ code: 0 });
    }
    expect((await fleet.counts(TICKS))['succeeded']).toBeGreaterThan(1);
    expect(await refused()).toEqual([]);
  });

  it('keeps each from what it does not need', async () => {
    const { input, bundle, collector, runs } = keys;
    const isRefused = async (user: User, ...[command = '', ...args]: string[]) => {
      const answer = await clientOf(urlOf(user))
        .call(command, ...args)
        .catch((error: Error) => error.message);
      expect([user, command, ...args, answer]).toEqual([
        user,
        command,
        ...args,
        expect.stringMatching(/^NOPERM|user executing the script can't/),
      ]);
    };
    const write = "return redis.call('HSET', ARGV[1], 'r:1', '{}')";
    for (const user of ['worker', 'normalizer', 'viewer'] as const) {
      await isRefused(user, 'HSET', input('keeps'), 'r:1', '{}');
      await isRefused(user, 'DEL', bundle('0'));
      await isRefused(user, 'HSET', keys.leader, 'view', '');
    }
    await isRefused('worker', 'EVAL', write, '0', input('keeps'));
    await isRefused('worker', 'EVAL', write, '1', input('keeps'), input('keeps'));
    await isRefused('normalizer', 'GET', bundle('0'));
    await isRefused('normalizer', 'HGETALL', input('keeps'));
    await isRefused('normalizer', 'HSET', collector('x'), 'record', '{}');
    await isRefused('viewer', 'DEL', runs('x'));
    for (const user of users) {
      for (const words of [
        ['KEYS', '*'],
        ['FLUSHALL'],
        ['CONFIG', 'GET', '*'],
        ['ACL', 'LIST'],
        ['GET', 'other'],
        ['SHUTDOWN'],
        ['SCRIPT', 'FLUSH'],
        ['MONITOR'],
      ]) {
        await isRefused(user, ...words);
      }
    }
  });

  it('lets a scheduler tell of a Redis that may lose what it holds, though nobody may ask for its CONFIG', async () => {
    await admin.config('SET', 'maxmemory-policy', 'allkeys-lru');
    await admin.config('SET', 'appendonly', 'no');
    faults.fleet.start('scheduler', { REDIS_URL: urlOf('scheduler') });
    const told = async () => {
      const { stdout } = await faults.fleet.cli('ls');
      return /maxmemory-policy allkeys-lru/.test(stdout) && /no append-only file/.test(stdout);
    };
    await eventually('ls to tell of both', told, LONG_MS);
  });
});
