import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type FindRedisOptions, findRedisServer } from './find-redis-server.ts';

/** A PATH of one folder that holds shell scripts. */
async function pathOf(programs: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'redis-test-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  for (const [name, script] of Object.entries(programs)) {
    await writeFile(join(folder, name), `#!/bin/sh\n${script}\n`);
    await chmod(join(folder, name), 0o755);
  }
  return folder;
}

const saysVersion = (text: string) => `echo "${text} sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=0"`;
const nothing = () => Promise.reject(new Error('not installed'));

function find(path: string, options: Partial<FindRedisOptions> = {}) {
  return findRedisServer({ env: { PATH: path }, mayInstall: false, importModule: nothing, ...options });
}

describe('on the PATH', () => {
  it('finds redis-server, and valkey-server before it', async () => {
    const redis = await pathOf({ 'redis-server': saysVersion('Redis server v=7.0.15') });
    expect(await find(redis)).toEqual({ path: `${redis}/redis-server`, flavour: 'redis', version: '7.0.15' });
    const valkey = await pathOf({ 'valkey-server': saysVersion('Valkey server v=8.1.1') });
    expect(await find(`${redis}:${valkey}`)).toEqual({
      path: `${valkey}/valkey-server`,
      flavour: 'valkey',
      version: '8.1.1',
    });
  });

  it('passes over one that is too old or does not run, and says so when there is no other', async () => {
    const old = await pathOf({ 'redis-server': saysVersion('Redis server v=6.0.16') });
    const broken = await pathOf({ 'redis-server': 'exit 1' });
    const good = await pathOf({ 'redis-server': saysVersion('Redis server v=6.2.0') });
    expect((await find(`${broken}:${old}:${good}`)).path).toBe(`${good}/redis-server`);
    const error = await find(`${broken}:${old}`).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'redis-not-found' });
    expect(String(error)).toContain(`${old}/redis-server is version 6.0.16; 6.2 or newer is needed.`);
    expect(String(error)).toContain(`${broken}/redis-server does not tell its version.`);
  });

  it('never takes a program from the current folder, nor a folder for a program', async () => {
    const folder = await pathOf({});
    await mkdir(join(folder, 'redis-server'));
    await expect(find(`:.:${folder}`)).rejects.toMatchObject({ code: 'redis-not-found' });
  });
});

describe('where there is none', () => {
  it('says what to install on each system', async () => {
    const error = await find('').catch((caught: unknown) => caught);
    for (const words of [
      'apt-get install redis-server',
      'dnf install valkey',
      'brew install redis',
      'REDIS_URL',
    ]) {
      expect(String(error)).toContain(words);
    }
  });

  it('installs one with the package manager of the system, says so, and hands it no secrets but the environment', async () => {
    const folder = await pathOf({});
    const version = saysVersion('Redis server v=7.0.15').replaceAll('"', '');
    await writeFile(
      join(folder, 'apt-get'),
      `#!/bin/sh\necho "$DEBIAN_FRONTEND $*" >> ${folder}/log\n[ "$1" = update ] && exit 100\nprintf '#!/bin/sh\\n${version}\\n' > ${folder}/redis-server\n/bin/chmod 755 ${folder}/redis-server\n`,
      { mode: 0o755 },
    );
    const said: string[] = [];
    const server = await find(folder, { mayInstall: true, say: (line) => said.push(line) });
    expect(server.path).toBe(`${folder}/redis-server`);
    expect(said[0]).toMatch(/installing it with apt-get/);
    const log = (await readFile(join(folder, 'log'), 'utf8')).trim().split('\n');
    expect(log[0]).toBe('noninteractive update -q');
    expect(log[1]).toMatch(/^noninteractive install .*-y .*redis-server$/);
  });

  it('tries the other name of the package, and shows what the package manager said at last', async () => {
    const folder = await pathOf({ dnf: 'echo "No match for argument: $3" >&2; exit 1' });
    const error = await find(folder, { mayInstall: true }).catch((caught: unknown) => caught);
    expect(String(error)).toContain("dnf can't install valkey: No match for argument: valkey");
    expect(String(error)).toContain("dnf can't install redis: No match for argument: redis");
  });

  it('installs nothing without being root', async () => {
    const folder = await pathOf({ 'apt-get': `touch "$0-was-called"` });
    await expect(find(folder)).rejects.toMatchObject({ code: 'redis-not-found' });
    await expect(readFile(`${folder}/apt-get-was-called`)).rejects.toThrow('ENOENT');
  });

  it('stops installing when told to', async () => {
    const folder = await pathOf({ 'apt-get': 'exec /bin/sleep 1000' });
    const stopping = new AbortController();
    const found = find(folder, { mayInstall: true, signal: stopping.signal, say: () => stopping.abort() });
    await expect(found).rejects.toMatchObject({ name: 'AbortError' });
  });

  it('uses the package redis-memory-server when that is installed', async () => {
    const built = await pathOf({ 'redis-server': saysVersion('Redis server v=7.2.4') });
    const finder = { RedisBinary: { getPath: async () => `${built}/redis-server` } };
    for (const module of [finder, { default: finder }]) {
      expect((await find('', { importModule: async () => module })).version).toBe('7.2.4');
    }
    const broken = { RedisBinary: { getPath: () => Promise.reject(new Error('no make')) } };
    await expect(find('', { importModule: async () => broken })).rejects.toThrow('no make');
    await expect(find('', { importModule: async () => ({}) })).rejects.toThrow('its version is not known');
  });
});
