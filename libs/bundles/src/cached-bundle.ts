import { createHash } from 'node:crypto';
import { lstat, readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BundleDigest } from '@pythond/jobs';
import { type BundleEntry, byPath } from './entry.ts';
import { tarOf } from './tar.ts';

/**
 * A bundle on a worker's disk: `<cache>/<digest>/root` holds the files, `bundle.json` beside it is written last, and
 * the time of `used` says when any process last wanted it.
 */
export interface CachedBundle {
  readonly digest: BundleDigest;
  readonly root: string;
  readonly marker: string;
  readonly used: string;
}

export function cachedBundle(path: string, digest: BundleDigest): CachedBundle {
  return { digest, root: join(path, 'root'), marker: join(path, 'bundle.json'), used: join(path, 'used') };
}

/** What a bundle's folder looked like when its content was last known to be right. */
export interface Shape {
  readonly files: number;
  readonly bytes: number;
  /** Of every path, size, inode and change time; no user can set the last back. */
  readonly print: string;
}

interface Item {
  readonly path: string;
  readonly kind: 'folder' | 'file' | 'other';
  readonly size: bigint;
  readonly executable: boolean;
  readonly identity: string;
}

/**
 * Everything below the root, by path. Left out is what a Python that may write there (a worker without a sandbox)
 * caches beside the sources: it is no part of a bundle.
 */
async function itemsOf(root: string, below = ''): Promise<Item[]> {
  const items: Item[] = [];
  for (const name of await readdir(join(root, below))) {
    if (name === '__pycache__') continue;
    const path = below === '' ? name : `${below}/${name}`;
    const stats = await lstat(join(root, path), { bigint: true });
    const kind = stats.isDirectory() ? 'folder' : stats.isFile() ? 'file' : 'other';
    const executable = (stats.mode & 0o100n) !== 0n;
    const identity = kind === 'folder' ? '' : `${stats.size} ${stats.ino} ${stats.ctimeNs}`;
    items.push({ path, kind, size: stats.size, executable, identity });
    if (kind === 'folder') items.push(...(await itemsOf(root, path)));
  }
  return items;
}

/** Cheap: looks at every file and reads none. */
export async function shapeOf({ root }: CachedBundle): Promise<Shape> {
  const hash = createHash('sha256');
  let files = 0;
  let bytes = 0;
  for (const item of (await itemsOf(root)).sort(byPath)) {
    hash.update(JSON.stringify([item.path, item.kind, item.identity]));
    if (item.kind !== 'file') continue;
    files += 1;
    bytes += Number(item.size);
  }
  return { files, bytes, print: hash.digest('hex') };
}

/** Dear: packs the files again, and says whether that gives the digest. False when anything can't be read. */
export async function rehash({ digest, root }: CachedBundle): Promise<boolean> {
  const hash = createHash('sha256');
  try {
    const items = (await itemsOf(root)).sort(byPath);
    if (items.some((item) => item.kind === 'other')) return false;
    for await (const chunk of tarOf(entriesOf(root, items))) hash.update(chunk);
  } catch {
    return false;
  }
  return hash.digest('hex') === digest;
}

async function* entriesOf(root: string, items: readonly Item[]): AsyncGenerator<BundleEntry> {
  for (const { kind, path, executable } of items) {
    if (kind === 'folder') yield { kind, path };
    else yield { kind: 'file', path, executable, content: await readFile(join(root, path)) };
  }
}

/** @returns null when there is no readable marker of this very bundle: it was never finished, or is damaged */
export async function readMarker({ marker, digest }: CachedBundle): Promise<Shape | null> {
  try {
    const read: unknown = JSON.parse(await readFile(marker, 'utf8'));
    return isMarker(read) && read.digest === digest ? read : null;
  } catch {
    return null;
  }
}

function isMarker(read: unknown): read is Shape & { digest: string } {
  const marker = read as Record<string, unknown> | null;
  return (
    typeof marker === 'object' &&
    typeof marker?.['digest'] === 'string' &&
    typeof marker['files'] === 'number' &&
    typeof marker['bytes'] === 'number' &&
    typeof marker['print'] === 'string'
  );
}

export async function writeMarker({ marker, digest }: CachedBundle, shape: Shape): Promise<void> {
  await writeFile(marker, `${JSON.stringify({ digest, ...shape })}\n`, { mode: 0o644 });
}

/** Marks it as wanted now. @throws ENOENT when the bundle is not there */
export async function touch({ used }: CachedBundle, nowMs: number): Promise<void> {
  await utimes(used, nowMs / 1000, nowMs / 1000);
}
