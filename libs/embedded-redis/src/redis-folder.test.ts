import { chmod, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { makePrivate, prepareFolder, readPassword, socketFolders } from './redis-folder.ts';

async function temporary(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'redis-test-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

const modeOf = async (path: string) => (await stat(path)).mode & 0o777;

describe('the folder', () => {
  it('is closed to other users, also when it was there and open', async () => {
    const dir = join(await temporary(), 'redis');
    await mkdir(dir);
    await chmod(dir, 0o777);
    const folder = await prepareFolder(dir);
    expect([await modeOf(dir), await modeOf(folder.dataDir)]).toEqual([0o700, 0o700]);
  });

  it('is refused when it is no folder', async () => {
    const dir = join(await temporary(), 'file');
    await writeFile(dir, '');
    await expect(prepareFolder(dir)).rejects.toMatchObject({ code: 'redis-folder' });
  });

  it('may not be a link where everybody may write: it could lead to a folder of the system', async () => {
    const home = await temporary();
    await mkdir(join(home, 'target'), { mode: 0o755 });
    await symlink('target', join(home, 'link'));
    await expect(makePrivate(join(home, 'link'))).rejects.toMatchObject({ code: 'redis-folder' });
    expect(await modeOf(join(home, 'target'))).toBe(0o755);
  });
});

describe('the password', () => {
  it('is made once, long and random, for its user alone', async () => {
    const folder = await prepareFolder(join(await temporary(), 'redis'));
    const password = await readPassword(folder);
    expect(password).toMatch(/^[0-9a-f]{64}$/);
    expect(await modeOf(folder.passwordFile)).toBe(0o600);
    await chmod(folder.passwordFile, 0o644);
    expect(await readPassword(folder)).toBe(password);
    expect(await modeOf(folder.passwordFile)).toBe(0o600);
  });

  it('is made anew where a crash left half of one', async () => {
    const folder = await prepareFolder(join(await temporary(), 'redis'));
    await writeFile(folder.passwordFile, 'abc');
    const password = await readPassword(folder);
    expect(await readFile(folder.passwordFile, 'utf8')).toBe(`${password}\n`);
  });
});

describe('the place of the socket', () => {
  const folder = (dir: string) => ({ ...({} as Awaited<ReturnType<typeof prepareFolder>>), dir });

  it('is the folder itself', () => {
    expect(socketFolders(folder('/home/ann/fleet'))[0]?.socketPath).toBe('/home/ann/fleet/redis.sock');
  });

  it('is short, and the same each time, where the folder is too long a path', () => {
    const long = `/home/${'n'.repeat(120)}`;
    const [first] = socketFolders(folder(long), '/var/tmp');
    expect(first?.dir).toMatch(/^\/var\/tmp\/pythond-\d+-[0-9a-f]{16}$/);
    expect(socketFolders(folder(long), '/var/tmp')[0]).toEqual(first);
    expect(socketFolders(folder(`${long}2`), '/var/tmp')[0]?.dir).not.toBe(first?.dir);
  });

  it('is /tmp where the temporary folder is too long as well', () => {
    expect(socketFolders(folder(`/home/${'n'.repeat(120)}`), `/${'t'.repeat(100)}`)[0]?.dir).toMatch(
      /^\/tmp\/pythond-/,
    );
  });

  it('counts bytes', () => {
    expect(socketFolders(folder(`/home/${'é'.repeat(50)}`))[0]?.dir).toMatch(/pythond-/);
  });
});
