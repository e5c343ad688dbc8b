import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { locateEmbeddedRedis } from './locate-embedded-redis.ts';
import { socketFolders } from './redis-folder.ts';

async function temporary(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'redis-test-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

it('finds the socket and the password of a folder, and nothing where one of them is missing', async () => {
  const dir = await temporary();
  expect(await locateEmbeddedRedis(join(dir, 'nowhere'))).toBeNull();
  await writeFile(join(dir, 'redis.sock'), '');
  expect(await locateEmbeddedRedis(dir)).toBeNull();
  await writeFile(join(dir, 'password'), '');
  expect(await locateEmbeddedRedis(dir)).toEqual({
    url: `unix://${dir}/redis.sock`,
    passwordFile: `${dir}/password`,
  });
});

it('passes over a temporary folder that others may enter or that leads elsewhere: its socket may be anybody’s', async () => {
  const dir = join(await temporary(), 'n'.repeat(120));
  await mkdir(dir, { mode: 0o700 });
  await writeFile(join(dir, 'password'), '');
  const [short] = socketFolders({ dir });
  if (!short) throw new Error('no folder for sockets');
  onTestFinished(() => rm(short.dir, { recursive: true, force: true }));
  await mkdir(short.dir, { mode: 0o700 });
  await writeFile(short.socketPath, '');
  expect(await locateEmbeddedRedis(dir)).toMatchObject({ url: `unix://${short.socketPath}` });
  await chmod(short.dir, 0o755);
  expect(await locateEmbeddedRedis(dir)).toBeNull();
  await rm(short.dir, { recursive: true });
  await symlink(dir, short.dir);
  await writeFile(join(dir, 'redis.sock'), '');
  expect(await locateEmbeddedRedis(dir)).toBeNull();
});
