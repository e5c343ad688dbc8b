import path from 'node:path';
import type { GitRepo, GitRepos } from '@pythond/config';
import { GitMirror, type GitVersion } from '@pythond/git';
import { pause } from '@pythond/lifecycle';
import type { Problem } from '@pythond/registry';

/** What a git repo held when it was last read well. */
export interface GitHome {
  readonly name: string;
  /** Its files at that commit. */
  readonly dir: string;
  readonly commit: string;
}

export interface GitSourceOptions {
  readonly home: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** A repo has another commit, or another problem, than before. */
  readonly onChange: () => void;
  /** false: what a fleet has fetched is read, and nothing is fetched. */
  readonly pulls?: boolean;
}

/** How long the first reading of the home waits for repos of which nothing is on this machine yet. */
const FIRST_WAIT_MS = 60_000;

interface Followed {
  readonly repo: GitRepo;
  readonly mirror: GitMirror;
  version: GitVersion | null;
  error: { readonly code: string; readonly message: string } | null;
}

/**
 * Keeps up with git repos: pulls each at its interval, and goes on with what was last read well while one can't be
 * reached.
 *
 * States: off (no repo) ⇄ following (a pull each interval; none overlaps another) → stopped for good.
 */
export class GitSource {
  readonly #options: GitSourceOptions;
  readonly #stopping = new AbortController();
  #wanted = '';
  #intervalMs = 0;
  #followed: readonly Followed[] = [];
  #isFirst = true;
  #next: NodeJS.Timeout | undefined;
  #pulling: Promise<void> | null = null;

  constructor(options: GitSourceOptions) {
    this.#options = options;
  }

  /** Follows these from now on; gives those of which something is known, in their order. */
  async follow({ repos, pullIntervalMs }: GitRepos): Promise<readonly GitHome[]> {
    const wanted = JSON.stringify([repos, pullIntervalMs]);
    if (wanted !== this.#wanted) {
      this.#wanted = wanted;
      this.#intervalMs = pullIntervalMs;
      await this.#take(repos);
    }
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    if (isFirst && this.#pulling && this.#followed.some(({ version }) => version === null)) {
      await Promise.race([this.#pulling, pause(FIRST_WAIT_MS, this.#stopping.signal)]);
    }
    return this.#followed.flatMap(({ repo, version }) =>
      version ? [{ name: repo.name, dir: version.dir, commit: version.commit }] : [],
    );
  }

  /** What is wrong with the repos now. */
  problems(): readonly Problem[] {
    return this.#followed.flatMap((one) => this.#problemsOf(one));
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    clearTimeout(this.#next);
    await this.#pulling;
  }

  async #take(repos: readonly GitRepo[]): Promise<void> {
    const { home, env } = this.#options;
    const dir = path.join(home, 'gitrepos');
    this.#followed = await Promise.all(
      repos.map(async (repo) => {
        const mirror = new GitMirror({ repo, dir, env });
        return { repo, mirror, version: await mirror.current(), error: null };
      }),
    );
    clearTimeout(this.#next);
    if (this.#followed.length > 0 && this.#options.pulls !== false) this.#pull();
  }

  #pull(): void {
    if (this.#stopping.signal.aborted) return;
    const all = this.#followed;
    const before = this.#pulling;
    // what was followed before may still be on its way into the same folders
    const pulling = (before ?? Promise.resolve()).then(() => this.#pullAll(all));
    this.#pulling = pulling;
    void pulling.then(() => {
      if (this.#pulling !== pulling || this.#stopping.signal.aborted) return;
      this.#next = setTimeout(() => this.#pull(), this.#intervalMs);
    });
  }

  async #pullAll(all: readonly Followed[]): Promise<void> {
    const changed = await Promise.all(all.map((one) => this.#pullOne(one)));
    if (changed.includes(true) && !this.#stopping.signal.aborted) this.#options.onChange();
  }

  /** Gives whether anything about it is different now. */
  async #pullOne(one: Followed): Promise<boolean> {
    const before = JSON.stringify([one.version, one.error]);
    try {
      one.version = await one.mirror.pull(this.#stopping.signal);
      one.error = null;
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'git-failed';
      one.error = { code, message: error instanceof Error ? error.message : 'it failed' };
    }
    return JSON.stringify([one.version, one.error]) !== before;
  }

  #problemsOf({ repo, version, error }: Followed): Problem[] {
    const where = `gitrepos/${repo.name}`;
    const notes = (version?.notes ?? []).map((note) => ({
      ...{ level: 'warning' as const, code: 'git-left-out' },
      text: `${where}: warning: ${note}: it is left out`,
    }));
    if (error === null && (version || this.#options.pulls !== false)) return notes;
    if (error === null) {
      const text = `${where}: nothing of it is here: no fleet has fetched it in this home yet`;
      return [{ level: 'error', code: 'git-unread', text }];
    }
    const goesOn = version
      ? `commit ${version.commit.slice(0, 12)} goes on`
      : 'nothing of it is here yet, and no input ends for that';
    return [{ level: 'error', code: error.code, text: `${where}: ${error.message}; ${goesOn}` }, ...notes];
  }
}
