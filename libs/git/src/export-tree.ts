import { mkdir, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseBatch } from './blob-batch.ts';
import { GitError } from './errors.ts';
import type { GitProgram, GitResult } from './git-program.ts';
import type { GitLimits } from './limits.ts';
import { parseTree, type TreeEntry } from './tree-entry.ts';

export interface ExportOptions {
  readonly git: GitProgram;
  readonly commit: string;
  /** An empty folder. */
  readonly into: string;
  readonly limits: GitLimits;
  readonly signal: AbortSignal;
}

const TIMEOUT_MS = 120_000;
const MAX_LIST_BYTES = 64 * 1024 * 1024;
const BATCH_BYTES = 16 * 1024 * 1024;
const BATCH_OBJECTS = 2_000;
/** A header line a blob, in the output of `cat-file --batch`. */
const HEADER_BYTES = 128;
const MAX_LINK_BYTES = 4096;
const MAX_NOTES = 20;

/** How a file begins that Git LFS keeps elsewhere. */
const LFS = Buffer.from('version https://git-lfs.github.com/spec/');

/**
 * Writes the files of a commit, byte for byte as they were committed: no checkout, so no hook, no filter, no attribute
 * of the repository has a say. Submodules stay away, so do links that lead out. Gives what was left out, for people.
 *
 * @throws GitError when the commit is larger than allowed, or can't be read
 */
export async function exportTree(options: ExportOptions): Promise<string[]> {
  const { git, commit, into, limits, signal } = options;
  const listing = await git.run({
    args: ['ls-tree', '-r', '-z', '-l', '--full-tree', commit],
    ...{ timeoutMs: TIMEOUT_MS, maxBytes: MAX_LIST_BYTES, signal },
  });
  if (!listing.ok) throw unreadable(listing);
  const { entries, refused } = parseTree(listing.stdout);
  const notes = [
    ...refused.map((shown) => `${shown} has a name that is not allowed`),
    ...entries.flatMap((entry) => whyLeftOut(entry, limits) ?? []),
  ];
  const wanted = entries.filter((entry) => whyLeftOut(entry, limits) === null);
  requireWithin(wanted, limits);
  const links: { readonly path: string; readonly target: string }[] = [];
  for (const batch of batches(wanted)) {
    const contents = await readBlobs(batch, options);
    for (const { kind, path: name, oid } of batch) {
      const content = contents.get(oid);
      if (content === undefined) throw unreadable(null);
      if (kind === 'link') links.push({ path: name, target: content.toString('utf8') });
      else await writeOut(path.join(into, name), content, kind === 'executable');
      if (content.subarray(0, LFS.length).equals(LFS))
        notes.push(`${name} is in Git LFS, which is not fetched`);
    }
  }
  notes.push(...(await makeLinks(into, links)));
  return notes.length > MAX_NOTES
    ? [...notes.slice(0, MAX_NOTES), `and ${notes.length - MAX_NOTES} more`]
    : notes;
}

function whyLeftOut({ kind, bytes, path: name }: TreeEntry, limits: GitLimits): string | null {
  if (kind === 'submodule') return `${name} is a submodule, which is not fetched`;
  if (kind === 'other') return `${name} is neither a file nor a link`;
  if (kind === 'link' && bytes > MAX_LINK_BYTES) return `${name} is a link that is too long`;
  return bytes > limits.maxFileBytes ? `${name} is larger than ${limits.maxFileBytes} bytes` : null;
}

function requireWithin(entries: readonly TreeEntry[], { maxBytes, maxFiles }: GitLimits): void {
  if (entries.length > maxFiles)
    throw new GitError('git-too-large', `it has ${entries.length} files, and ${maxFiles} is the limit`);
  const bytes = entries.reduce((sum, entry) => sum + entry.bytes, 0);
  if (bytes > maxBytes) {
    throw new GitError('git-too-large', `its files come to ${bytes} bytes, and ${maxBytes} is the limit`);
  }
}

function* batches(entries: readonly TreeEntry[]): Generator<TreeEntry[]> {
  let batch: TreeEntry[] = [];
  let bytes = 0;
  for (const entry of entries) {
    if (batch.length > 0 && (bytes + entry.bytes > BATCH_BYTES || batch.length >= BATCH_OBJECTS)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(entry);
    bytes += entry.bytes;
  }
  if (batch.length > 0) yield batch;
}

async function readBlobs(
  entries: readonly TreeEntry[],
  { git, signal }: ExportOptions,
): Promise<Map<string, Buffer>> {
  const oids = [...new Set(entries.map(({ oid }) => oid))];
  const bytes = entries.reduce((sum, entry) => sum + entry.bytes + HEADER_BYTES, 0);
  const result = await git.run({
    args: ['cat-file', '--batch'],
    input: oids.map((oid) => `${oid}\n`).join(''),
    ...{ timeoutMs: TIMEOUT_MS, maxBytes: bytes, signal },
  });
  if (!result.ok) throw unreadable(result);
  return new Map([...parseBatch(result.stdout)].map(({ oid, content }) => [oid, content]));
}

async function writeOut(file: string, content: Buffer, executable: boolean): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, content, { flag: 'wx', mode: executable ? 0o755 : 0o644 });
}

/** Last of all, so that no file is ever written through a link; those that lead out, or nowhere, go again. */
async function makeLinks(
  into: string,
  links: readonly { readonly path: string; readonly target: string }[],
): Promise<string[]> {
  const notes: string[] = [];
  const made: string[] = [];
  for (const { path: name, target } of links) {
    const within = path.posix.join(path.posix.dirname(name), target);
    if (path.posix.isAbsolute(target) || within.startsWith('..') || /[\p{Cc}]/u.test(target)) {
      notes.push(`${name} is a link that leads out of the repository`);
      continue;
    }
    await mkdir(path.dirname(path.join(into, name)), { recursive: true });
    await symlink(target, path.join(into, name));
    made.push(name);
  }
  const root = await realpath(into);
  // one that goes may have been the way of another
  for (let left = made, before = -1; left.length !== before; ) {
    before = left.length;
    const staying: string[] = [];
    for (const name of left) {
      if (await leadsWithin(path.join(into, name), root)) staying.push(name);
      else {
        await rm(path.join(into, name));
        notes.push(`${name} is a link that leads out of the repository, or nowhere`);
      }
    }
    left = staying;
  }
  return notes;
}

async function leadsWithin(link: string, root: string): Promise<boolean> {
  const real = await realpath(link).catch(() => '');
  return real.startsWith(`${root}${path.sep}`);
}

function unreadable(result: GitResult | null): GitError {
  const why =
    result === null ? 'an object is missing' : (result.stopped ?? result.stderr.trim().slice(0, 300));
  return new GitError('git-failed', `what was fetched can't be read (${why})`);
}
