import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { BundleDigest } from '@pythond/jobs';
import { type Header, type Pack, pack } from 'tar-stream';
import { describe, expect, it, onTestFinished } from 'vitest';
import { checkArchive } from './check-archive.ts';
import type { BundleEntry } from './entry.ts';
import { type BundleLimits, defaultBundleLimits } from './limits.ts';
import { packBundle } from './pack-bundle.ts';
import { unpackBundle } from './unpack-bundle.ts';

type Item = Partial<Header> & { readonly name: string; readonly content?: string };

async function tarOfItems(items: readonly Item[]): Promise<Buffer> {
  const tar: Pack = pack();
  for (const { content, ...header } of items) {
    if (header.type === undefined || header.type === 'file') tar.entry(header, content ?? '');
    else tar.entry(header);
  }
  tar.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of tar) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}

/** An archive whose digest is right, whatever it holds. */
function sourceOf(tar: Buffer, limits: BundleLimits = defaultBundleLimits) {
  const digest = createHash('sha256').update(tar).digest('hex') as BundleDigest;
  return { digest, archive: gzipSync(tar), limits };
}

async function unpackItems(items: readonly Item[], limits?: BundleLimits): Promise<string> {
  const parent = await mkdtemp(join(tmpdir(), 'bundles-test-'));
  onTestFinished(() => rm(parent, { recursive: true }));
  const into = await mkdtemp(join(parent, 'into-'));
  const source = sourceOf(await tarOfItems(items), limits);
  await checkArchive(source);
  try {
    await unpackBundle(source, into);
  } finally {
    // Whatever the archive says, nothing is written beside the folder.
    expect(await readdir(parent)).toHaveLength(1);
  }
  return into;
}

const top: Item = { name: 'python.d/', type: 'directory' };

describe('what an archive may hold', () => {
  it('writes files that nobody may change and folders that every user may pass', async () => {
    const umask = process.umask(0o077);
    const into = await unpackItems([
      top,
      { name: 'python.d/m.py' },
      { name: 'python.d/run', mode: 0o755 },
    ]).finally(() => process.umask(umask));
    const modes = ['python.d', 'python.d/m.py', 'python.d/run'].map(
      async (path) => (await stat(join(into, path))).mode & 0o7777,
    );
    expect(await Promise.all(modes)).toEqual([0o755, 0o444, 0o555]);
  });

  it('does not mind a time far ahead', async () => {
    await unpackItems([top, { name: 'python.d/m.py', mtime: new Date('2106-02-07T07:00:00Z') }]);
  });

  const hostile: Record<string, readonly Item[]> = {
    'a path that leads out': [top, { name: 'python.d/../../evil' }],
    'an absolute path': [{ name: '/tmp/evil' }],
    'a top folder of its own': [{ name: 'evil' }],
    'an empty name': [top, { name: 'python.d//x' }],
    'a dot': [top, { name: 'python.d/./x' }],
    'a name no file system holds': [top, { name: `python.d/${'n'.repeat(300)}` }],
    'a symbolic link': [top, { name: 'python.d/l', type: 'symlink', linkname: '/etc/passwd' }],
    'a hard link': [top, { name: 'python.d/l', type: 'link', linkname: '/etc/passwd' }],
    'a device': [top, { name: 'python.d/null', type: 'character-device', devmajor: 1, devminor: 3 }],
    'a pipe': [top, { name: 'python.d/pipe', type: 'fifo' }],
    'a setuid bit': [top, { name: 'python.d/su', mode: 0o4755 }],
    'a sticky folder': [{ ...top, mode: 0o1777 }],
    'a file twice': [top, { name: 'python.d/m.py' }, { name: 'python.d/m.py' }],
    'files out of order': [top, { name: 'python.d/n.py' }, { name: 'python.d/m.py' }],
    'a file without its folder': [top, { name: 'python.d/a/m.py' }],
    'a file below a file': [top, { name: 'python.d/a' }, { name: 'python.d/a/m.py' }],
  };
  it.each(Object.entries(hostile))('refuses %s', async (_, items) => {
    await expect(unpackItems(items)).rejects.toMatchObject({ name: 'BundleError', code: 'bundle-refused' });
  });

  it('refuses what is no tar, or ends in the middle of one', async () => {
    const whole = await tarOfItems([top, { name: 'python.d/m.py', content: 'x'.repeat(3000) }]);
    for (const tar of [
      Buffer.from('#!/bin/sh\n'.repeat(100)),
      whole.subarray(0, 2500),
      Buffer.alloc(700, 'x'),
    ]) {
      const into = await mkdtemp(join(tmpdir(), 'bundles-test-'));
      onTestFinished(() => rm(into, { recursive: true }));
      await expect(unpackBundle(sourceOf(tar), into)).rejects.toMatchObject({ code: 'bundle-refused' });
    }
  });

  it('stops at the limits of files, of one file and of all', async () => {
    const limits = { ...defaultBundleLimits, maxFiles: 3, maxFileBytes: 100, maxBytes: 150 };
    const many = ['a', 'b', 'c'].map((name) => ({ name: `python.d/${name}` }));
    const heavy = ['a', 'b'].map((name) => ({ name: `python.d/${name}`, content: 'x'.repeat(90) }));
    for (const items of [many, heavy, [{ name: 'python.d/a', content: 'x'.repeat(101) }]]) {
      await expect(unpackItems([top, ...items], limits)).rejects.toMatchObject({ code: 'bundle-too-large' });
    }
  });
});

describe('whether an archive is what its digest names', () => {
  const entries: BundleEntry[] = [
    { kind: 'folder', path: 'python.d' },
    { kind: 'file', path: 'python.d/m.py', executable: false, content: Buffer.from('x = 1\n') },
  ];
  const limits = defaultBundleLimits;

  it('accepts what was packed', async () => {
    await checkArchive({ ...(await packBundle(entries)), limits });
  });

  it('finds every flipped byte that matters, and every truncation', async () => {
    const { digest, archive } = await packBundle(entries);
    const tar = gunzipSync(archive);
    for (let at = 0; at < archive.length; at += 1) {
      const flipped = Buffer.from(archive);
      flipped[at] = (flipped[at] ?? 0) ^ 0x40;
      await checkArchive({ digest, archive: flipped, limits }).then(
        // A bit of the gzip header that says nothing of the content.
        () => expect(gunzipSync(flipped)).toEqual(tar),
        (error: unknown) => expect(error).toMatchObject({ code: 'bundle-corrupt' }),
      );
      const cut = checkArchive({ digest, archive: archive.subarray(0, at), limits });
      await expect(cut).rejects.toMatchObject({ code: 'bundle-corrupt' });
    }
  });

  it('refuses another bundle, and what is no archive', async () => {
    const { digest } = await packBundle(entries);
    const other = await packBundle(entries.slice(0, 1));
    for (const archive of [other.archive, Buffer.from('not gzip'), Buffer.alloc(0)]) {
      await expect(checkArchive({ digest, archive, limits })).rejects.toMatchObject({
        code: 'bundle-corrupt',
      });
    }
  });

  it('stops a bomb early', async () => {
    const tiny = { ...limits, maxBytes: 1000, maxFiles: 1 };
    const bomb = { ...sourceOf(Buffer.alloc(100_000_000), tiny) };
    expect(bomb.archive.length).toBeLessThan(100_000);
    await expect(checkArchive(bomb)).rejects.toMatchObject({ code: 'bundle-too-large' });
  });
});
