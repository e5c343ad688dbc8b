import { chmod, link, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { makeHome, removeHomes } from './home.test-kit.ts';
import { MAX_SECRET_BYTES, secretReader } from './secret-file.ts';

afterEach(removeHomes);

async function setUp() {
  const home = await makeHome({
    'secrets/plain': 'hunter2\n',
    'secrets/two': 'a\n\n',
    'secrets/windows': 'a\r\n',
    'secrets/sub/deep': 'deep',
    'secrets/empty': '',
    'secrets/nul': 'a\0b',
    'secrets/binary': new Uint8Array([0xff, 0xfe]),
    'secrets/big': 'x'.repeat(MAX_SECRET_BYTES + 1),
    'secrets/most': 'x'.repeat(MAX_SECRET_BYTES),
    'secrets-beside/x': 'hunter2',
    'outside/x': 'hunter2',
  });
  const dir = join(home, 'secrets');
  return { home, dir, read: secretReader([join(home, 'none'), dir]) };
}

const rule = (home: string) => ({
  ok: false,
  reason: `secrets are read from ${home}/none, ${home}/secrets only; put the file there, or name its folder in secrets_dirs`,
});

describe('a secret', () => {
  it.each([
    ['plain', 'hunter2'],
    ['two', 'a\n'],
    ['windows', 'a'],
    ['sub/deep', 'deep'],
    ['./sub//deep', 'deep'],
    ['empty', ''],
    ['most', 'x'.repeat(MAX_SECRET_BYTES)],
  ])('in %s is its text without the last line break', async (name, text) => {
    const { dir, read } = await setUp();
    expect(await read(`${dir}/${name}`)).toEqual({ ok: true, text });
  });

  it.each([
    ['nul', 'it holds a NUL byte'],
    ['binary', 'it is not UTF-8'],
    ['big', 'it is larger than 64 KiB'],
    ['sub', 'it is no regular file'],
    ['none', 'there is no such file'],
    ['../outside/x', "its path holds '..'"],
  ])('in %s is refused', async (name, reason) => {
    const { dir, read } = await setUp();
    expect(await read(`${dir}/${name}`)).toEqual({ ok: false, reason });
  });

  it.each(['/proc/self/environ', '/etc/passwd', '/no/such/file', '/dev/zero', '/'])(
    'in %s is refused by the rule of the folders, whether it is there or not',
    async (path) => {
      const { home, read } = await setUp();
      expect(await read(path)).toEqual(rule(home));
    },
  );

  it('in a folder whose name only begins like one of them is refused', async () => {
    const { home, read } = await setUp();
    expect(await read(`${home}/secrets-beside/x`)).toEqual(rule(home));
  });

  it.each(['secrets/plain', '', 'a\0b', '/a\0b'])(
    'at %j, which is no absolute path, is refused',
    async (path) => {
      const { read } = await setUp();
      expect(await read(path)).toEqual({ ok: false, reason: 'its path is not an absolute one' });
    },
  );

  it('behind a link that leads out of the folder is refused, a link within is followed', async () => {
    const { home, dir, read } = await setUp();
    await symlink('../outside/x', join(dir, 'out'));
    await symlink('../outside', join(dir, 'out-dir'));
    await symlink('/proc/self/environ', join(dir, 'environ'));
    await symlink('plain', join(dir, 'within'));
    await symlink('circle', join(dir, 'circle'));
    for (const name of ['out', 'out-dir/x', 'environ'])
      expect(await read(`${dir}/${name}`)).toEqual(rule(home));
    expect(await read(`${dir}/within`)).toEqual({ ok: true, text: 'hunter2' });
    expect(await read(`${dir}/circle`)).toMatchObject({ ok: false });
  });

  it('in a folder that is itself behind a link is read, by either path', async () => {
    const { home, dir } = await setUp();
    await symlink('secrets', join(home, 'linked'));
    const read = secretReader([join(home, 'linked')]);
    expect(await read(`${home}/linked/plain`)).toEqual({ ok: true, text: 'hunter2' });
    expect(await read(`${dir}/plain`)).toEqual({ ok: true, text: 'hunter2' });
  });

  it('with a second name elsewhere is still read', async () => {
    const { home, dir, read } = await setUp();
    await link(join(home, 'outside/x'), join(dir, 'hard'));
    expect(await read(`${dir}/hard`)).toEqual({ ok: true, text: 'hunter2' });
  });

  it.skipIf(process.getuid?.() === 0)('that may not be read says so', async () => {
    const { dir, read } = await setUp();
    await chmod(join(dir, 'plain'), 0);
    expect(await read(`${dir}/plain`)).toEqual({ ok: false, reason: 'the system says EACCES' });
  });

  it('is read from no folder when there is none', async () => {
    const { home } = await setUp();
    await mkdir(join(home, 'x'));
    await writeFile(join(home, 'x/y'), 'hunter2');
    expect((await secretReader([])(`${home}/x/y`)).ok).toBe(false);
  });
});
