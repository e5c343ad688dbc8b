import { chmod, mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BundleDigest } from '@pythond/jobs';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { type BundleCacheOptions, createBundleCache } from './bundle-cache.ts';
import { defaultCacheBounds } from './eviction.ts';
import { makeHome } from './home.test-kit.ts';
import { packBundle } from './pack-bundle.ts';

/** A store in memory that counts what is asked of it. */
class Shelf {
  readonly archives = new Map<string, Buffer>();
  gets = 0;

  async get(digest: BundleDigest): Promise<Buffer | null> {
    this.gets += 1;
    return this.archives.get(digest) ?? null;
  }

  async add(content: string): Promise<BundleDigest> {
    const { digest, archive } = await packBundle([
      { kind: 'folder', path: 'python.d' },
      { kind: 'file', path: 'python.d/m.py', executable: false, content: Buffer.from(content) },
    ]);
    this.archives.set(digest, archive);
    return digest;
  }
}

async function setUp(options: Partial<BundleCacheOptions> = {}) {
  const { home, remove } = await makeHome();
  onTestFinished(remove);
  const store = new Shelf();
  const dir = join(home, 'cache');
  const damaged: string[] = [];
  const make = () =>
    createBundleCache({ dir, store, onDamaged: (digest) => damaged.push(digest), ...options });
  const cache = make();
  onTestFinished(() => cache.close());
  return { dir, store, cache, make, damaged, digest: await store.add('print(1)\n') };
}

/** The files are read-only: whoever changes one anyhow has to want it. */
async function overwrite(root: string, content: string): Promise<void> {
  await chmod(join(root, 'python.d/m.py'), 0o644);
  await writeFile(join(root, 'python.d/m.py'), content);
}

const read = (root: string) => readFile(join(root, 'python.d/m.py'), 'utf8');

describe('fetching', () => {
  it('fetches a bundle once, however many ask for it at once', async () => {
    const { cache, store, digest } = await setUp();
    const roots = await Promise.all(Array.from({ length: 20 }, () => cache.ensure(digest)));
    expect(new Set(roots).size).toBe(1);
    expect(await read(roots[0] ?? '')).toBe('print(1)\n');
    expect(await cache.ensure(digest)).toBe(roots[0]);
    expect(store.gets).toBe(1);
  });

  it('shares what another process has put there, and leaves nothing behind when both fetch at once', async () => {
    const { dir, cache, make, store, digest } = await setUp();
    const [first, second] = await Promise.all([cache.ensure(digest), make().ensure(digest)]);
    expect(second).toBe(first);
    expect(await readdir(dir)).toEqual([digest]);
    store.gets = 0;
    expect(await make().ensure(digest)).toBe(first);
    expect(store.gets).toBe(0);
  });

  it('lets every user pass to the files', async () => {
    const umask = process.umask(0o077);
    const { dir, cache, digest } = await setUp();
    const root = await cache.ensure(digest).finally(() => process.umask(umask));
    for (const path of [dir, join(dir, digest), root, join(root, 'python.d')]) {
      expect((await stat(path)).mode & 0o777).toBe(0o755);
    }
  });

  it('says which bundle the store does not have', async () => {
    const { cache } = await setUp();
    const digest = 'a'.repeat(64) as BundleDigest;
    await expect(cache.ensure(digest)).rejects.toMatchObject({ code: 'bundle-missing' });
    await expect(cache.ensure('../../etc' as BundleDigest)).rejects.toMatchObject({ code: 'bundle-missing' });
  });

  it('uses nothing of an archive that is damaged, and fetches again when it was mended', async () => {
    const { dir, cache, store, digest } = await setUp();
    const good = store.archives.get(digest) ?? Buffer.alloc(0);
    store.archives.set(digest, good.subarray(0, -9));
    await expect(cache.ensure(digest)).rejects.toMatchObject({ code: 'bundle-corrupt' });
    expect(await readdir(dir)).toEqual([]);
    store.archives.set(digest, good);
    expect(await read(await cache.ensure(digest))).toBe('print(1)\n');
  });

  it('passes on what the store throws', async () => {
    const { make, digest } = await setUp({
      store: { get: () => Promise.reject(Object.assign(new Error('gone'), { code: 'EACCES' })) },
    });
    await expect(make().ensure(digest)).rejects.toThrow('gone');
  });
});

describe('a bundle on the disk that is not what it was', () => {
  type Damage = (root: string, path: string) => Promise<unknown>;
  const damages: Record<string, Damage> = {
    'a changed byte': async (root) => {
      const file = join(root, 'python.d/m.py');
      const { atime, mtime } = await stat(file);
      await overwrite(root, 'print(2)\n');
      await utimes(file, atime, mtime);
    },
    'a truncated file': (root) => overwrite(root, ''),
    'a missing file': (root) => rm(join(root, 'python.d/m.py')),
    'an added file': (root) => writeFile(join(root, 'python.d/requests.py'), ''),
    'a file put in the place of another': async (root) => {
      await writeFile(join(root, 'new'), 'print(2)\n');
      await rename(join(root, 'new'), join(root, 'python.d/m.py'));
    },
    'a missing folder': (root) => rm(root, { recursive: true }),
    'a missing marker': (_, path) => rm(join(path, 'bundle.json')),
    'half a marker': (_, path) => writeFile(join(path, 'bundle.json'), '{"digest":'),
    'everything gone': (_, path) => rm(path, { recursive: true }),
    'a file in its place': async (_, path) => {
      await rm(path, { recursive: true });
      await writeFile(path, '');
    },
  };

  it.each(Object.entries(damages))(
    'is fetched again after %s, by this process and by the next',
    async (_, damage) => {
      const { dir, cache, make, store, digest } = await setUp();
      const root = await cache.ensure(digest);
      for (const next of [cache, make()]) {
        store.gets = 0;
        await damage(root, join(dir, digest));
        expect(await next.ensure(digest)).toBe(root);
        expect(store.gets).toBe(1);
        expect(await read(root)).toBe('print(1)\n');
        expect(await readdir(dir)).toEqual([digest]);
      }
    },
  );

  it('is not given out when it can not be fetched again', async () => {
    const { cache, store, damaged, digest } = await setUp();
    const root = await cache.ensure(digest);
    await overwrite(root, 'evil');
    store.archives.clear();
    await expect(cache.ensure(digest)).rejects.toMatchObject({ code: 'bundle-missing' });
    await expect(read(root)).rejects.toThrow('ENOENT');
    expect(damaged).toEqual([digest]);
  });

  it('is found by verify', async () => {
    const { cache, digest } = await setUp();
    expect(await cache.verify(digest)).toBe(false);
    const root = await cache.ensure(digest);
    expect(await cache.verify(digest)).toBe(true);
    await overwrite(root, 'print(2)\n');
    expect(await cache.verify(digest)).toBe(false);
  });

  it('is used without fetching when only its times changed', async () => {
    const { cache, store, damaged, digest } = await setUp();
    const root = await cache.ensure(digest);
    await chmod(join(root, 'python.d/m.py'), 0o400);
    await cache.ensure(digest);
    expect([store.gets, damaged.length]).toEqual([1, 0]);
  });

  it('is not said to be changed by what Python caches beside the sources', async () => {
    const { cache, make, store, digest } = await setUp();
    const root = await cache.ensure(digest);
    await mkdir(join(root, 'python.d/__pycache__'));
    await writeFile(join(root, 'python.d/__pycache__/m.cpython-311.pyc'), 'x');
    await cache.ensure(digest);
    await make().ensure(digest);
    expect(store.gets).toBe(1);
  });
});

describe('what is kept', () => {
  const day = 24 * 3600_000;

  async function stocked(options: Partial<BundleCacheOptions>) {
    const clock = { now: 1_700_000_000_000 };
    const bounds = { ...defaultCacheBounds, maxBundles: 2, ...options.bounds };
    const setup = await setUp({ ...options, bounds, now: () => clock.now });
    const add = async (content: string) => {
      const digest = await setup.store.add(content);
      await setup.cache.ensure(digest);
      clock.now += 10 * 60_000;
      return digest;
    };
    return { ...setup, clock, add };
  }

  it('lets the least recently used go when there are too many', async () => {
    const { dir, cache, add } = await stocked({});
    const [a, b] = [await add('a'), await add('b')];
    await cache.ensure(a);
    const c = await add('c');
    expect((await readdir(dir)).sort()).toEqual([a, c].sort());
    expect(await readdir(dir)).not.toContain(b);
  });

  it('lets them go when they take too much room, or were not wanted for long', async () => {
    const { dir, cache, clock, add } = await stocked({ bounds: { ...defaultCacheBounds, maxBytes: 250 } });
    await add('a'.repeat(100));
    const b = await add('b'.repeat(100));
    const c = await add('c'.repeat(100));
    expect((await readdir(dir)).sort()).toEqual([b, c].sort());
    clock.now += 8 * day;
    expect(await cache.collect()).toEqual({ digests: [b, c], bytes: 200 });
    expect(await readdir(dir)).toEqual([]);
  });

  it('keeps what is leased, until it is released', async () => {
    const { dir, cache, clock, store } = await stocked({});
    const digest = await store.add('leased');
    const lease = await cache.acquire(digest);
    const other = await cache.acquire(digest);
    clock.now += 30 * day;
    await cache.collect();
    lease.release();
    lease.release();
    await cache.collect();
    expect(await readdir(dir)).toEqual([digest]);
    other.release();
    expect((await cache.collect()).digests).toEqual([digest]);
  });

  it('keeps what another process has leased', async () => {
    const { make, cache, clock, store } = await stocked({ leaseRefreshMs: 5 });
    const digest = await store.add('leased');
    const lease = await cache.acquire(digest);
    onTestFinished(() => lease.release());
    clock.now += 30 * day;
    const used = join(lease.root, '../used');
    await vi.waitFor(async () => expect((await stat(used)).mtimeMs).toBe(clock.now), { timeout: 20_000 });
    expect((await make().collect()).digests).toEqual([]);
  });

  it('does not hold on to a bundle whose fetching failed', async () => {
    const { cache, clock, store, add } = await stocked({});
    const digest = await store.add('x');
    const archive = store.archives.get(digest) ?? Buffer.alloc(0);
    store.archives.delete(digest);
    await expect(cache.acquire(digest)).rejects.toMatchObject({ code: 'bundle-missing' });
    store.archives.set(digest, archive);
    await add('x');
    clock.now += 30 * day;
    expect((await cache.collect()).digests).toEqual([digest]);
  });

  it('sweeps what a process that died in the middle left behind, and never takes it for a bundle', async () => {
    const { dir, make, clock, digest } = await stocked({});
    for (const [name, ageMs] of [
      ['.tmp-dead', 3600_000],
      ['.tmp-busy', 1000],
    ] as const) {
      await mkdir(join(dir, name, 'root'), { recursive: true });
      const seconds = (clock.now - ageMs) / 1000;
      await utimes(join(dir, name), seconds, seconds);
    }
    await make().ensure(digest);
    expect((await readdir(dir)).sort()).toEqual(['.tmp-busy', digest].sort());
  });
});

describe('the folder of the cache', () => {
  it('is closed to the writing of others, since what lies there is executed', async () => {
    const { dir, cache, digest } = await setUp();
    await mkdir(dir, { mode: 0o777 });
    await chmod(dir, 0o777);
    await cache.ensure(digest);
    expect((await stat(dir)).mode & 0o777).toBe(0o755);
  });

  it('is named when it can not be used', async () => {
    const { dir, cache, digest } = await setUp();
    await writeFile(dir, 'a file');
    await expect(cache.ensure(digest)).rejects.toMatchObject({
      code: 'cache-unusable',
      message: expect.stringContaining(dir),
    });
    await rm(dir);
    await cache.ensure(digest);
  });

  it('is made again when somebody cleaned it away', async () => {
    const { dir, cache, digest } = await setUp();
    await cache.ensure(digest);
    await rm(dir, { recursive: true });
    expect(await read(await cache.ensure(digest))).toBe('print(1)\n');
  });
});
