import { link, mkdtemp, readdir, rm, unlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { OwnerLock } from './owner-lock.ts';

async function lockPath(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'redis-test-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return join(folder, 'owner.sock');
}

/** The file that a process which died leaves: a socket on which nobody listens. */
async function leaveStale(path: string): Promise<void> {
  const server = createServer().listen(`${path}-live`);
  await new Promise((resolve) => server.once('listening', resolve));
  await link(`${path}-live`, path);
  await new Promise((resolve) => server.close(resolve));
}

it('has one owner at a time, whose pid the others are told', async () => {
  const path = await lockPath();
  const first = await OwnerLock.take(path);
  await expect(OwnerLock.take(path)).rejects.toMatchObject({
    code: 'redis-in-use',
    message: expect.stringContaining(`pid ${process.pid}`),
  });
  await first.requireOurs();
  await first.release();
  await (await OwnerLock.take(path)).release();
  expect(await readdir(join(path, '..'))).toEqual([]);
});

it('is taken from an owner that died', async () => {
  const path = await lockPath();
  await leaveStale(path);
  const lock = await OwnerLock.take(path);
  expect(await readdir(join(path, '..'))).toEqual(['owner.sock']);
  await lock.release();
});

it('is taken where something else than a socket lies', async () => {
  const path = await lockPath();
  await writeFile(path, '4711\n');
  await (await OwnerLock.take(path)).release();
});

it('has one owner when many clean up after one crash at once', async () => {
  const path = await lockPath();
  await leaveStale(path);
  const tries = await Promise.allSettled(Array.from({ length: 20 }, () => OwnerLock.take(path)));
  const taken = tries.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const sure = await Promise.allSettled(taken.map((lock) => lock.requireOurs()));
  expect(sure.filter((one) => one.status === 'fulfilled')).toHaveLength(1);
  await Promise.all(taken.map((lock) => lock.release()));
});

it('notices when its file was taken away', async () => {
  const path = await lockPath();
  const lock = await OwnerLock.take(path);
  await unlink(path);
  await expect(lock.requireOurs()).rejects.toMatchObject({ code: 'redis-in-use' });
  await lock.release();
});
