import { execFileSync } from 'node:child_process';
import { link, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { collectBundle, createBundleCache, defaultCacheBounds, packBundle } from '@pythond/bundles';
import type { BundleDigest } from '@pythond/jobs';
import { describe, expect, it, onTestFinished } from 'vitest';

async function temporary(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'bundles-test-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** A folder that holds 1 MiB and not a byte more, as a small volume of a worker does; false where we may not mount. */
function smallDisk(path: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,mode=755', 'tmpfs', path], { stdio: 'ignore' });
  } catch {
    return false;
  }
  onTestFinished(() => void execFileSync('umount', ['-l', path]));
  return true;
}

describe('pipes, hard links and kernel files', () => {
  it('never waits for a pipe: as an entry it is an error, within a dir a warning', async () => {
    const home = await temporary();
    await mkdir(join(home, 'python.d/a'), { recursive: true });
    await writeFile(join(home, 'python.d/a/m.py'), '');
    execFileSync('mkfifo', [join(home, 'python.d/a/pipe.py'), join(home, 'python.d/pipe')]);
    const bundle = await collectBundle({ home, dirs: ['pipe', 'a'], files: [] });
    expect(bundle.problems.map(({ level, code }) => `${level} ${code}`)).toEqual([
      'error not-a-folder',
      'warning special-file',
    ]);
    expect(bundle.modules.map((module) => module.name)).toEqual(['m']);
  });

  it('packs a hard link as a file of its own', async () => {
    const home = await temporary();
    await mkdir(join(home, 'python.d/a'), { recursive: true });
    await writeFile(join(home, 'python.d/a/m.py'), 'x');
    await link(join(home, 'python.d/a/m.py'), join(home, 'python.d/a/n.py'));
    const bundle = await collectBundle({ home, dirs: ['a'], files: [] });
    expect(bundle.modules.map((module) => module.name)).toEqual(['m', 'n']);
    expect(bundle.problems).toEqual([]);
  });
});

describe('a full disk', () => {
  const archives = new Map<BundleDigest, Buffer>();
  const store = { get: async (digest: BundleDigest) => archives.get(digest) ?? null };

  async function add(name: string, bytes: number): Promise<BundleDigest> {
    const content = Buffer.alloc(bytes, name);
    const packed = await packBundle([
      { kind: 'folder', path: 'python.d' },
      { kind: 'file', path: 'python.d/m.py', executable: false, content },
    ]);
    archives.set(packed.digest, packed.archive);
    return packed.digest;
  }

  it('is named, leaves nothing half unpacked, and is no obstacle once there is room', async ({ skip }) => {
    const disk = await temporary();
    skip(!smallDisk(disk), 'needs the right to mount a tmpfs');
    const dir = join(disk, 'cache');
    const cache = createBundleCache({ dir, store });
    const digest = await add('x', 700_000);
    await writeFile(join(disk, 'other'), Buffer.alloc(600_000));
    await expect(cache.ensure(digest)).rejects.toMatchObject({
      code: 'cache-full',
      message: expect.stringContaining(dir),
    });
    expect(await readdir(dir)).toEqual([]);
    await rm(join(disk, 'other'));
    const root = await cache.ensure(digest);
    expect((await readFile(join(root, 'python.d/m.py'))).length).toBe(700_000);
  });

  it('makes room by itself where bundles lie that nobody wanted for a while', async ({ skip }) => {
    const disk = await temporary();
    skip(!smallDisk(disk), 'needs the right to mount a tmpfs');
    const clock = { now: Date.now() };
    const bounds = { ...defaultCacheBounds, minIdleMs: 1000 };
    const dir = join(disk, 'cache');
    const cache = createBundleCache({ dir, store, bounds, now: () => clock.now });
    const [old, leased, wanted] = [await add('o', 400_000), await add('l', 300_000), await add('w', 500_000)];
    await cache.ensure(old);
    const lease = await cache.acquire(leased);
    clock.now += 2000;
    await cache.ensure(wanted);
    expect((await readdir(dir)).sort()).toEqual([leased, wanted].sort());
    lease.release();
  });

  it('refetches a damaged bundle on a disk that is full but for it', async ({ skip }) => {
    const disk = await temporary();
    skip(!smallDisk(disk), 'needs the right to mount a tmpfs');
    const cache = createBundleCache({ dir: join(disk, 'cache'), store });
    const digest = await add('d', 600_000);
    const root = await cache.ensure(digest);
    await writeFile(join(disk, 'other'), Buffer.alloc(1_000_000)).catch(() => undefined);
    await writeFile(join(root, 'python.d/m.py'), 'damaged', { flag: 'r+' });
    const again = await cache.ensure(digest);
    expect((await readFile(join(again, 'python.d/m.py'))).equals(Buffer.alloc(600_000, 'd'))).toBe(true);
  });
});
