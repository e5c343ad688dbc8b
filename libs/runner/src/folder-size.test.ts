import {
  closeSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deletedSize, folderSize } from './folder-size.ts';

const MIB = 1024 ** 2;
let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pythond-size-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const put = (name: string, mib: number) => writeFileSync(join(folder, name), Buffer.alloc(mib * MIB, 'x'));

describe('the size of a folder', () => {
  it('is that of everything in it, at any depth', async () => {
    mkdirSync(join(folder, 'a/b'), { recursive: true });
    put('one', 1);
    put('a/b/two', 2);
    const { bytes, hidden } = await folderSize(folder, 100 * MIB);
    expect(bytes).toBeGreaterThan(3 * MIB);
    expect(bytes).toBeLessThan(3.2 * MIB);
    expect(hidden).toBe(false);
  });

  it('counts what has two names once, and what a link leads to not at all', async () => {
    put('one', 2);
    linkSync(join(folder, 'one'), join(folder, 'again'));
    symlinkSync('/usr', join(folder, 'usr'));
    expect((await folderSize(folder, 100 * MIB)).bytes).toBeLessThan(2.2 * MIB);
  });

  it('counts files without content too: a million of them are not nothing', async () => {
    for (let i = 0; i < 300; i++) writeFileSync(join(folder, String(i)), '');
    expect((await folderSize(folder, 100 * MIB)).bytes).toBeGreaterThan(MIB);
  });

  it('is not counted further than needed, and leaves out what it is told to', async () => {
    put('one', 3);
    put('two', 3);
    expect((await folderSize(folder, MIB)).bytes).toBeLessThan(3.5 * MIB);
    expect((await folderSize(folder, 100 * MIB, new Set(['one']))).bytes).toBeLessThan(3.5 * MIB);
  });

  it('is nothing when there is no folder', async () => {
    expect(await folderSize(join(folder, 'none'), MIB)).toEqual({ bytes: 0, hidden: false });
  });

  it.skipIf(process.platform !== 'linux')('has besides it what a process holds without a name', () => {
    put('gone', 2);
    const descriptor = openSync(join(folder, 'gone'), 'r');
    unlinkSync(join(folder, 'gone'));
    expect(deletedSize(process.pid, folder)).toBeGreaterThanOrEqual(2 * MIB);
    expect(deletedSize(process.pid, '/elsewhere')).toBe(0);
    closeSync(descriptor);
    expect(deletedSize(process.pid, folder)).toBe(0);
  });
});
