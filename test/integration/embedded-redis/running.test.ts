import { readFile, stat, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { startEmbeddedRedis, type UnexpectedExit } from '@pythond/embedded-redis';
import { describe, expect, it, vi } from 'vitest';
import { clientOf, findServer, isAlive, start, temporary, withClient } from './support.ts';

const isLinux = process.platform === 'linux';

describe('a server that runs', () => {
  it('is reached over its socket with its password only', async () => {
    const redis = await start(join(await temporary(), 'redis'));
    expect(await clientOf(redis).ping()).toBe('PONG');
    await expect(clientOf({ ...redis, password: '' }).ping()).rejects.toThrow(/NOAUTH/);
    expect(new URL(redis.url)).toMatchObject({ protocol: 'unix:', pathname: redis.socketPath });
    expect(redis.version).toMatch(/^\d+\.\d+\.\d+$/);
    expect(redis.adopted).toBe(false);
  });

  it('has the settings that a queue needs, and no port', async () => {
    const redis = await start(join(await temporary(), 'redis'));
    const client = clientOf(redis);
    const settings = ['port', 'appendonly', 'appendfsync', 'maxmemory-policy', 'hz', 'save', 'daemonize'];
    const values = await Promise.all(
      settings.map(async (name) => ((await client.config('GET', name)) as string[])[1]),
    );
    expect(values).toEqual(['0', 'yes', 'everysec', 'noeviction', '100', '', 'no']);
  });

  it('leaves its files to its user alone, and its password to no command line', async () => {
    const dir = join(await temporary(), 'redis');
    const umask = process.umask(0);
    const redis = await start(dir).finally(() => process.umask(umask));
    const modes: Record<string, number> = {};
    for (const name of ['.', 'data', 'password', 'redis.conf', 'redis.log', 'redis.pid']) {
      modes[name] = (await stat(join(dir, name))).mode & 0o777;
    }
    const [folder, file] = [0o700, 0o600];
    expect(modes).toEqual({
      '.': folder,
      data: folder,
      password: file,
      'redis.conf': file,
      'redis.log': file,
      'redis.pid': file,
    });
    expect(await readFile(redis.passwordFile, 'utf8')).toBe(`${redis.password}\n`);
    expect(await readFile(join(dir, 'redis.log'), 'utf8')).not.toContain(redis.password);
    if (!isLinux) return;
    for (const name of ['cmdline', 'environ']) {
      expect(await readFile(`/proc/${redis.pid}/${name}`, 'utf8')).not.toContain(redis.password);
    }
  });

  it.runIf(isLinux)('is given no secret of our environment, and is out of reach of Ctrl-C', async () => {
    const env = { ...process.env, DATAKIT_TOKEN: 'tkn_secret' };
    const redis = await start(join(await temporary(), 'redis'), { env });
    expect(await readFile(`/proc/${redis.pid}/environ`, 'utf8')).not.toContain('tkn_secret');
    const fields = (await readFile(`/proc/${redis.pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? [];
    expect(Number(fields[2])).toBe(redis.pid);
  });

  it('keeps data and password from one start to the next', async () => {
    const dir = join(await temporary(), 'redis');
    const first = await start(dir);
    await withClient(first, (client) => client.set('a', '1'));
    await first.stop();
    expect(isAlive(first.pid)).toBe(false);
    const second = await start(dir);
    expect(second.password).toBe(first.password);
    expect(await clientOf(second).get('a')).toBe('1');
  });

  it('works in a folder of any name, and in one whose path is too long for a socket', async () => {
    const odd = await start(join(await temporary(), `it's a "folder" #1? 100% \\ naïve 🐍`));
    expect(decodeURIComponent(new URL(odd.url).pathname)).toBe(odd.socketPath);
    expect(await clientOf(odd).ping()).toBe('PONG');
    const said: string[] = [];
    const long = await start(join(await temporary(), 'n'.repeat(100), 'redis'), {
      say: (line) => said.push(line),
    });
    expect(await clientOf(long).ping()).toBe('PONG');
    expect(said.join()).toContain(long.socketPath);
    const folder = join(long.socketPath, '..');
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    await long.stop();
    await expect(stat(folder)).rejects.toThrow('ENOENT');
  });
});

describe('stopping', () => {
  it('may be asked for any number of times', async () => {
    const redis = await start(join(await temporary(), 'redis'));
    await Promise.all([redis.stop(), redis.stop()]);
    await redis.stop();
    expect(isAlive(redis.pid)).toBe(false);
  });

  it.runIf(isLinux)('does not wait for ever for a server that hangs', async () => {
    const dir = join(await temporary(), 'redis');
    const redis = await start(dir, { stopTimeoutMs: 50 });
    process.kill(redis.pid, 'SIGSTOP');
    await redis.stop();
    expect(isAlive(redis.pid)).toBe(false);
    expect(await clientOf(await start(dir)).ping()).toBe('PONG');
  });

  it('tells when the server ends by itself, once, with what it last said, and not after a stop', async () => {
    const dir = join(await temporary(), 'redis');
    const exits: UnexpectedExit[] = [];
    const redis = await start(dir, { onExit: (exit) => exits.push(exit) });
    process.kill(redis.pid, 'SIGKILL');
    await vi.waitFor(() => expect(exits).toHaveLength(1), { timeout: 60_000 });
    expect(exits[0]).toMatchObject({
      signal: 'SIGKILL',
      pid: redis.pid,
      log: expect.stringContaining('ready to accept'),
    });
    await redis.stop();
    const next = await start(dir, { onExit: (exit) => exits.push(exit) });
    await next.stop();
    expect(exits).toHaveLength(1);
  });
});

describe('starting', () => {
  it('is given up when told to, leaving no process and no lock', async () => {
    const dir = join(await temporary(), 'redis');
    const reason = new Error('enough');
    const options = { dir, server: await findServer(), env: process.env };
    await expect(startEmbeddedRedis({ ...options, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    await start(dir);
  });

  it('shows what a server said that does not start', async () => {
    const dir = join(await temporary(), 'redis');
    const server = { ...(await findServer()), path: '/bin/cat' };
    const error = await start(dir, { server }).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'redis-start-failed' });
    // It printed its configuration.
    expect(String(error)).toContain('appendonly yes');
    expect(String(error)).toContain('requirepass "***"');
    await expect(start(dir, { server: { ...server, path: '/nonexistent' } })).rejects.toMatchObject({
      code: 'redis-start-failed',
    });
    await start(dir);
  });

  it('gives up on a server that says nothing, and ends it', async () => {
    const home = await temporary();
    const dir = join(home, 'redis');
    const path = join(home, 'silent');
    await writeFile(path, '#!/bin/sh\nexec /bin/sleep 1000\n', { mode: 0o755 });
    const server = { ...(await findServer()), path };
    const failed = start(dir, { server, startTimeoutMs: 300 });
    await expect(failed).rejects.toMatchObject({ code: 'redis-start-failed' });
    expect(isAlive(Number.parseInt(await readFile(join(dir, 'redis.pid'), 'utf8'), 10))).toBe(false);
  });

  it('tells whoever asks which process owns the folder, and stops however long they listen', async () => {
    const dir = join(await temporary(), 'redis');
    const redis = await start(dir);
    const socket = createConnection(join(dir, 'owner.sock'));
    const answer = await new Promise<string>((resolve) =>
      socket.once('data', (data) => resolve(data.toString())),
    );
    expect(answer).toBe(`+${process.pid}\r\n`);
    await redis.stop();
    socket.destroy();
  });
});
