import { once } from 'node:events';
import { appendFile, mkdir, readFile, rm, truncate, unlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { UnexpectedExit } from '@pythond/embedded-redis';
import { beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import {
  build,
  clientOf,
  crash,
  findServer,
  isAlive,
  start,
  startOwner,
  temporary,
  untilDead,
  withClient,
} from './support.ts';

const isLinux = process.platform === 'linux';
beforeAll(build);

/** What a Redis that was left behind needs to be reached. */
const left = async (dir: string) => ({
  socketPath: join(dir, 'redis.sock'),
  password: (await readFile(join(dir, 'password'), 'utf8')).trim(),
});

/** Owns a Redis on a machine without setpriv, puts a key into it, and crashes: Redis goes on. */
async function orphan(dir: string): Promise<number> {
  const owner = await startOwner(dir, '');
  const pid = owner.said.pid ?? 0;
  onTestFinished(() => {
    if (isAlive(pid)) process.kill(pid, 'SIGKILL');
  });
  await withClient(await left(dir), (client) => client.set('a', '1'));
  await crash(owner);
  expect(isAlive(pid)).toBe(true);
  return pid;
}

describe('two on one folder', () => {
  it('is refused, naming the process that has it, in this process or another', async () => {
    const dir = join(await temporary(), 'redis');
    const redis = await start(dir);
    const mine = { code: 'redis-in-use', message: expect.stringContaining(`pid ${process.pid}`) };
    await expect(start(dir)).rejects.toMatchObject(mine);
    expect((await startOwner(dir)).said).toMatchObject(mine);
    await redis.stop();
    const owner = await startOwner(dir);
    await expect(start(dir)).rejects.toMatchObject({
      code: 'redis-in-use',
      message: expect.stringContaining(`pid ${owner.process.pid}`),
    });
    owner.process.kill('SIGTERM');
    await once(owner.process, 'exit');
    await start(dir);
  });
});

describe('after a crash of its owner', () => {
  it.runIf(isLinux)(
    'the server ends as well where setpriv is installed, and its data is there at the next start',
    async () => {
      const dir = join(await temporary(), 'redis');
      const owner = await startOwner(dir);
      await withClient(await left(dir), (client) => client.set('a', '1'));
      await crash(owner);
      // At once, while the old one may still be going down.
      const redis = await start(dir);
      expect(redis.adopted).toBe(false);
      expect(isAlive(owner.said.pid ?? 0)).toBe(false);
      expect(await clientOf(redis).get('a')).toBe('1');
    },
  );

  it('a server that goes on is adopted, and stopped by a command', async () => {
    const dir = join(await temporary(), 'redis');
    const pid = await orphan(dir);
    const said: string[] = [];
    const redis = await start(dir, { say: (line) => said.push(line) });
    expect(redis).toMatchObject({ pid, adopted: true });
    expect(said.join()).toContain(`pid ${pid}`);
    expect(await clientOf(redis).get('a')).toBe('1');
    await redis.stop();
    expect(isAlive(pid)).toBe(false);
    expect(await clientOf(await start(dir)).get('a')).toBe('1');
  });

  it('the end of an adopted server is told, and the loss of a connection is not taken for it', async () => {
    const dir = join(await temporary(), 'redis');
    const pid = await orphan(dir);
    const exits: UnexpectedExit[] = [];
    const redis = await start(dir, { onExit: (exit) => exits.push(exit) });
    const client = clientOf(redis);
    await client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    const others = async () => ((await client.client('LIST')) as string).trim().split('\n').length;
    await vi.waitFor(async () => expect(await others()).toBe(2), { timeout: 60_000 });
    expect(exits).toEqual([]);
    process.kill(pid, 'SIGKILL');
    await vi.waitFor(() => expect(exits).toHaveLength(1), { timeout: 60_000 });
    expect(exits[0]).toMatchObject({ pid });
  });

  it.runIf(isLinux)(
    'an adopted server that hangs is not killed: the user is told which one it is',
    async () => {
      const dir = join(await temporary(), 'redis');
      const pid = await orphan(dir);
      const redis = await start(dir, { stopTimeoutMs: 100 });
      process.kill(pid, 'SIGSTOP');
      const stopped = redis.stop();
      await expect(stopped).rejects.toMatchObject({
        code: 'redis-stop-failed',
        message: expect.stringContaining(`kill ${pid}`),
      });
      expect(isAlive(pid)).toBe(true);
      await expect(start(dir, { stopTimeoutMs: 100 })).rejects.toMatchObject({ code: 'redis-foreign' });
      process.kill(pid, 'SIGKILL');
      await untilDead(pid);
      // What the failed stop left is only this promise; the folder is free.
      await start(dir);
    },
  );

  it('a server whose password was lost is left alone', async () => {
    const dir = join(await temporary(), 'redis');
    const pid = await orphan(dir);
    await unlink(join(dir, 'password'));
    const foreign = { code: 'redis-foreign', message: expect.stringContaining(`kill ${pid}`) };
    await expect(start(dir)).rejects.toMatchObject(foreign);
    await expect(start(dir)).rejects.toMatchObject(foreign);
    expect(isAlive(pid)).toBe(true);
  });

  it.runIf(isLinux)('a server whose socket was deleted is never given company on its data', async () => {
    const dir = join(await temporary(), 'redis');
    const pid = await orphan(dir);
    await unlink(join(dir, 'redis.sock'));
    await expect(start(dir, { stopTimeoutMs: 100 })).rejects.toMatchObject({
      code: 'redis-foreign',
      message: expect.stringContaining(`kill ${pid}`),
    });
  });

  it('another process that got the number of the old server is not taken for it', async () => {
    const dir = join(await temporary(), 'redis');
    await (await start(dir)).stop();
    await writeFile(join(dir, 'redis.pid'), `${process.pid}\n`);
    await start(dir);
  });
});

describe('data on the disk', () => {
  const lastFile = (dir: string) => join(dir, 'data/appendonlydir/appendonly.aof.1.incr.aof');

  async function stocked(): Promise<string> {
    const dir = join(await temporary(), 'redis');
    const redis = await start(dir);
    await withClient(redis, async (client) => {
      for (let n = 0; n < 100; n += 1) await client.set(`key-${n}`, 'x'.repeat(100));
    });
    await redis.stop();
    return dir;
  }

  it('that ends in the middle of a command is loaded up to there', async () => {
    const dir = await stocked();
    const { length } = await readFile(lastFile(dir));
    await truncate(lastFile(dir), length - 5);
    expect(await clientOf(await start(dir)).dbsize()).toBe(99);
  });

  it('that is damaged is named, with the command that mends it', async () => {
    const dir = await stocked();
    await appendFile(lastFile(dir), 'garbage\r\n'.repeat(10));
    const error = await start(dir).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'redis-data-corrupt' });
    expect(String(error)).toContain(lastFile(dir));
    expect(String(error)).toContain(
      `redis-check-aof --fix ${dirname(lastFile(dir))}/appendonly.aof.manifest`,
    );
    await rm(join(dir, 'data'), { recursive: true });
    await start(dir);
  });

  it.each(['appendonly.aof.manifest', 'appendonly.aof.1.base.rdb'])(
    'is named when %s is damaged',
    async (name) => {
      const dir = await stocked();
      const file = join(dir, 'data/appendonlydir', name);
      await writeFile(file, 'REDISjunk and more');
      const error = await start(dir).catch((caught: unknown) => caught);
      expect(error).toMatchObject({ code: 'redis-data-corrupt', message: expect.stringContaining(file) });
    },
  );

  it('of Redis 7 is not passed over by a Redis 6, which would begin anew without a word', async () => {
    const dir = join(await temporary(), 'redis');
    await mkdir(join(dir, 'data/appendonlydir'), { recursive: true });
    const server = { ...(await findServer()), version: '6.2.14' };
    await expect(start(dir, { server })).rejects.toMatchObject({ code: 'redis-data-newer' });
  });
});
