import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { GitRepo } from '@pythond/config';
import { z } from 'zod';
import { GitError } from './errors.ts';
import { exportTree } from './export-tree.ts';
import { fetchFailure, withoutSecrets } from './fetch-failure.ts';
import { gitEnvironment } from './git-environment.ts';
import { GitProgram } from './git-program.ts';
import { defaultGitLimits, type GitLimits } from './limits.ts';

/** A repository's files at a commit. */
export interface GitVersion {
  /** 40 (or 64) hex digits. */
  readonly commit: string;
  /** Its files; never changed. */
  readonly dir: string;
  /** What was left out, a line each. */
  readonly notes: readonly string[];
}

export interface GitMirrorOptions {
  readonly repo: GitRepo;
  /** Where repositories are kept. */
  readonly dir: string;
  /** For `PATH`, proxies and certificates. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly limits?: Partial<GitLimits>;
  readonly fetchTimeoutMs?: number;
}

const currentSchema = z.object({
  /** Of URL and branch: after a change of those it is no version of what is asked for. */
  remote: z.string(),
  commit: z.string().regex(/^[0-9a-f]{40,64}$/),
  notes: z.array(z.string()),
});

const FETCH_TIMEOUT_MS = 120_000;
const LOCAL_TIMEOUT_MS = 60_000;
const HEAD = 'refs/fleet/head';
/** Each fetch that brings something adds a pack. */
const MAX_PACKS = 50;

/**
 * One repository: a bare copy of the newest commit of its branch, and the files of the last two that were read. In
 * `<dir>/<name>.fleet/`: `repo.git`, `versions/<commit>/`, `current.json`. What DataKit itself has cloned to
 * `<dir>/<name>` is left alone.
 */
export class GitMirror {
  readonly #options: GitMirrorOptions;
  readonly #folder: string;
  readonly #limits: GitLimits;
  #git: GitProgram | undefined;

  constructor(options: GitMirrorOptions) {
    this.#options = options;
    this.#folder = path.join(options.dir, `${options.repo.name}.fleet`);
    this.#limits = { ...defaultGitLimits, ...options.limits };
  }

  /** What was last read well, also by an earlier process; null: nothing yet. */
  async current(): Promise<GitVersion | null> {
    const text = await readFile(this.#currentFile, 'utf8').catch(() => null);
    const parsed = currentSchema.safeParse(text === null ? null : parseJson(text));
    if (!parsed.success || parsed.data.remote !== this.#remote) return null;
    const { commit, notes } = parsed.data;
    const dir = this.#versionDir(commit);
    const stats = await stat(dir).catch(() => null);
    return stats?.isDirectory() ? { commit, dir, notes } : null;
  }

  /**
   * Fetches the newest commit of the branch, and writes out its files if they are not there.
   * @throws GitError; then what was read before still stands
   */
  async pull(signal: AbortSignal): Promise<GitVersion> {
    try {
      await mkdir(path.join(this.#folder, 'versions'), { recursive: true, mode: 0o755 });
      const git = await this.#program(signal);
      const commit = await this.#fetch(git, signal);
      const known = await this.current();
      if (known?.commit === commit) return known;
      const notes = await this.#write(git, commit, signal);
      await this.#removeOld([commit, known?.commit ?? commit]);
      await this.#tidy(git, signal);
      return { commit, dir: this.#versionDir(commit), notes };
    } catch (error) {
      throw this.#explained(error);
    }
  }

  get #currentFile(): string {
    return path.join(this.#folder, 'current.json');
  }

  get #remote(): string {
    const { url, branch } = this.#options.repo;
    return createHash('sha256')
      .update(JSON.stringify([url, branch]))
      .digest('hex');
  }

  #versionDir(commit: string): string {
    return path.join(this.#folder, 'versions', commit);
  }

  async #program(signal: AbortSignal): Promise<GitProgram> {
    if (this.#git) return this.#git;
    const { repo, env } = this.#options;
    const folder = path.join(this.#folder, 'git');
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const environment = await gitEnvironment({ repo, folder, env });
    const gitDir = path.join(this.#folder, 'repo.git');
    const git = new GitProgram({ gitDir, environment, maxFileBytes: this.#limits.maxPackBytes });
    // no template: it could hold hooks
    const made = await git.run({
      args: ['init', '--bare', '--quiet', '--template='],
      ...{ timeoutMs: LOCAL_TIMEOUT_MS, signal },
    });
    if (!made.ok) throw fetchFailure(repo, made);
    this.#git = git;
    return git;
  }

  async #fetch(git: GitProgram, signal: AbortSignal): Promise<string> {
    const { repo, fetchTimeoutMs = FETCH_TIMEOUT_MS } = this.#options;
    await this.#removeUnfinished();
    const url = repo.isLocal && repo.url.startsWith('/') ? `file://${repo.url}` : repo.url;
    const fetched = await git.run({
      args: [
        ...['fetch', '--quiet', '--depth=1', '--no-tags', '--no-write-fetch-head', '--no-recurse-submodules'],
        ...['--force', '--refmap=', '--', url, `+refs/heads/${repo.branch}:${HEAD}`],
      ],
      ...{ timeoutMs: fetchTimeoutMs, signal },
    });
    if (!fetched.ok) {
      const largest = await this.#removeUnfinished();
      throw largest >= this.#limits.maxPackBytes ? tooLarge(repo, largest) : fetchFailure(repo, fetched);
    }
    const head = await git.run({
      args: ['rev-parse', '--verify', '--quiet', `${HEAD}^{commit}`],
      ...{ timeoutMs: LOCAL_TIMEOUT_MS, signal },
    });
    if (!head.ok) throw new GitError('git-failed', `${repo.url}: its branch ${repo.branch} is no commit`);
    return head.stdout.toString('latin1').trim();
  }

  /** A fetch that was ended leaves what it had so far. Gives the bytes of the largest. */
  async #removeUnfinished(): Promise<number> {
    const packs = path.join(this.#folder, 'repo.git/objects/pack');
    let largest = 0;
    for (const name of await readdir(packs).catch(() => [])) {
      if (!name.startsWith('tmp_')) continue;
      const file = path.join(packs, name);
      largest = Math.max(largest, (await stat(file).catch(() => null))?.size ?? 0);
      await rm(file, { force: true });
    }
    return largest;
  }

  /** Beside its place first, and then into it in one step: whoever looks sees all of it or nothing. */
  async #write(git: GitProgram, commit: string, signal: AbortSignal): Promise<string[]> {
    const dir = this.#versionDir(commit);
    const into = path.join(this.#folder, 'versions', `.tmp-${randomBytes(6).toString('hex')}`);
    await mkdir(into);
    try {
      const notes = await exportTree({ git, commit, into, limits: this.#limits, signal });
      await rm(dir, { recursive: true, force: true });
      await rename(into, dir);
      const current = { remote: this.#remote, commit, notes };
      await writeFile(`${this.#currentFile}.new`, JSON.stringify(current));
      await rename(`${this.#currentFile}.new`, this.#currentFile);
      return notes;
    } finally {
      await rm(into, { recursive: true, force: true });
    }
  }

  async #removeOld(kept: readonly string[]): Promise<void> {
    const versions = path.join(this.#folder, 'versions');
    for (const name of await readdir(versions)) {
      if (!kept.includes(name)) await rm(path.join(versions, name), { recursive: true, force: true });
    }
  }

  async #tidy(git: GitProgram, signal: AbortSignal): Promise<void> {
    const packs = await readdir(path.join(this.#folder, 'repo.git/objects/pack')).catch(() => []);
    if (packs.filter((name) => name.endsWith('.pack')).length <= MAX_PACKS) return;
    // whether it works or not: the next fetch does
    await git.run({ args: ['gc', '--quiet', '--prune=now'], timeoutMs: FETCH_TIMEOUT_MS, signal });
  }

  #explained(error: unknown): GitError {
    const { repo } = this.#options;
    const message = error instanceof Error ? error.message : String(error);
    const clean = withoutSecrets(message, repo);
    const code = error instanceof GitError ? error.code : 'git-failed';
    const named = clean.startsWith(repo.url) ? clean : `${repo.url}: ${clean}`;
    return new GitError(code, named);
  }
}

function tooLarge({ url }: GitRepo, bytes: number): GitError {
  const message = `${url} has more than ${bytes} bytes to fetch, which is the limit; keep large files out of it`;
  return new GitError('git-too-large', message);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
