import { resolve } from 'node:path';
import { durationReader } from './duration.ts';
import { isTable, type Table } from './parse-toml.ts';
import { printable, quoted } from './printable.ts';
import type { ConfigProblem, ProblemLevel } from './problem.ts';
import { readBoolean, readText } from './readers.ts';
import { bad, badUnshown, good, type Reader } from './reading.ts';
import { redactUrl } from './url.ts';

/** One `[[git_repos.repo]]` that is enabled. */
export interface GitRepo {
  /** Its URL's base name without extension, as in DataKit: `shop` of `https://git.example.com/team/shop.git`. */
  readonly name: string;
  /** Without user and password. */
  readonly url: string;
  /** From the URL of an http remote. Never to be shown, logged or stored. */
  readonly credentials: { readonly user: string; readonly password: string } | null;
  readonly branch: string;
  /** Absolute. */
  readonly sshKeyPath: string | null;
  /** Of that key. Never to be shown, logged or stored. */
  readonly sshKeyPassword: string | null;
  /** Absolute; null: what ssh takes by itself. */
  readonly sshKnownHostsPath: string | null;
  /** Whether the URL is a path of this machine. */
  readonly isLocal: boolean;
}

export interface GitRepos {
  /** In the order of the file; empty: git is off, and the home's own `conf.d` counts. */
  readonly repos: readonly GitRepo[];
  readonly pullIntervalMs: number;
  readonly problems: readonly ConfigProblem[];
}

const DEFAULT_PULL_MS = 60_000;
const DEFAULT_BRANCH = 'master';
const MAX_REPOS = 32;

const readPull = durationReader({ minMs: 1000, maxMs: 7 * 86_400_000, example: '"1m"' });

/** What git takes for a branch, less what it could take for an option or a pattern (git-check-ref-format(1)). */
const readBranch: Reader<string> = (value) =>
  typeof value === 'string' &&
  /^[\w][\w./+@#-]{0,200}$/.test(value) &&
  !/\.\.|\/\/|@\{|\.lock(?:\/|$)|[./]$|\/\./.test(value)
    ? good(value)
    : bad('must be the name of a branch', 'write branch = "master"');

interface Remote {
  readonly name: string;
  readonly url: string;
  readonly credentials: GitRepo['credentials'];
  readonly isLocal: boolean;
}

const URL_RULE = 'must be https://host/path.git, ssh://git@host/path.git or git@host:path.git';
const URL_HINT = 'write url = "git@github.com:team/repository.git"';

/** `user@host:path`, as ssh and git write it. */
const SCP = /^(?:[\w.-]+@)?(?:[\w.-]+|\[[0-9A-Fa-f:]+\]):(?!\/\/)(?!:)[^\s]+$/;

/** Reads a remote; helpers such as `ext::…`, which run commands, are none. Messages never show a user or password. */
const readRemote: Reader<Remote> = (value) => {
  if (typeof value !== 'string' || /[\s\p{Cc}\\]/u.test(value) || value.startsWith('-')) {
    return badUnshown(URL_RULE, URL_HINT);
  }
  if (/^[A-Za-z][\w+.-]*::/.test(value)) {
    return badUnshown(`${URL_RULE}; a transport that runs a program (ext::) is never used`, URL_HINT);
  }
  if (URL.canParse(value) && value.includes('://')) return readRemoteUrl(value);
  if (value.startsWith('/')) return named({ url: value, credentials: null, isLocal: true });
  return SCP.test(value)
    ? named({ url: value, credentials: null, isLocal: false })
    : badUnshown(URL_RULE, URL_HINT);
};

function readRemoteUrl(text: string) {
  const url = new URL(text);
  switch (url.protocol) {
    case 'https:':
    case 'http:': {
      if (url.hostname === '' || url.pathname === '/' || url.hash !== '')
        return badUnshown(URL_RULE, URL_HINT);
      const credentials =
        url.username === '' && url.password === ''
          ? null
          : { user: decoded(url.username), password: decoded(url.password) };
      url.username = '';
      url.password = '';
      return named({ url: url.href, credentials, isLocal: false });
    }
    case 'ssh:':
      if (url.hostname === '' || url.hostname.startsWith('-')) return badUnshown(URL_RULE, URL_HINT);
      if (url.password !== '') {
        return badUnshown('must hold no password: ssh takes a key', 'set ssh_private_key_path instead');
      }
      return named({ url: url.href, credentials: null, isLocal: false });
    case 'file:':
      return named({ url: text, credentials: null, isLocal: true });
    default:
      return badUnshown(URL_RULE, URL_HINT);
  }
}

/** `%40` is an `@`; what is no such code is what it is. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function named(remote: Omit<Remote, 'name'>) {
  const last =
    remote.url
      .replace(/[?#].*$/, '')
      .replace(/\/+$/, '')
      .split(/[/:]/)
      .at(-1) ?? '';
  const name = last.replace(/\.[^.]+$/, '');
  if (/^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$/.test(name)) return good({ ...remote, name });
  return badUnshown(
    'must end in the name of a repository: letters, digits, dots, hyphens and underscores',
    URL_HINT,
  );
}

/** What a key of a repo means when it is absent, or empty as in DataKit's sample. */
interface RepoKeys {
  readonly enable: Reader<boolean>;
  readonly url: Reader<Remote>;
  readonly branch: Reader<string>;
  readonly ssh_private_key_path: Reader<string>;
  readonly ssh_private_key_password: Reader<string>;
  readonly ssh_known_hosts_path: Reader<string>;
  readonly allow_local: Reader<boolean>;
}

const repoKeys: RepoKeys = {
  enable: readBoolean,
  url: readRemote,
  branch: readBranch,
  ssh_private_key_path: readText,
  ssh_private_key_password: (value) =>
    typeof value === 'string' ? good(value) : badUnshown('must be a string'),
  ssh_known_hosts_path: readText,
  allow_local: readBoolean,
};

const TABLE_KEYS = ['enable', 'pull_interval', 'repo'];

/**
 * Reads `[git_repos]` as it stands in `pythond.toml` or `datakit.conf`. Like everywhere, what is wrong is a problem of
 * that one repo. `file` is for messages; relative paths start in the home.
 */
export function readGitRepos(raw: unknown, { file, home }: { file: string; home: string }): GitRepos {
  const reader = new GitReposReader(file, home);
  if (raw !== null && raw !== undefined) reader.read(raw);
  return { repos: reader.repos, pullIntervalMs: reader.pullIntervalMs, problems: reader.problems };
}

class GitReposReader {
  readonly repos: GitRepo[] = [];
  readonly problems: ConfigProblem[] = [];
  pullIntervalMs = DEFAULT_PULL_MS;
  readonly #file: string;
  readonly #home: string;

  constructor(file: string, home: string) {
    this.#file = file;
    this.#home = home;
  }

  read(raw: unknown): void {
    if (!isTable(raw)) return this.#problem('error', 'git_repos', 'must be a table', 'write [git_repos]');
    for (const key of Object.keys(raw).filter((one) => !TABLE_KEYS.includes(one))) this.#unknown(key);
    this.pullIntervalMs = this.#value(raw, 'pull_interval', readPull, 'git_repos') ?? DEFAULT_PULL_MS;
    if (this.#value(raw, 'enable', readBoolean, 'git_repos') === false) return;
    const { repo = [] } = raw;
    if (!Array.isArray(repo)) {
      return this.#problem('error', 'git_repos.repo', 'must be a list of tables', 'write [[git_repos.repo]]');
    }
    for (const [index, one] of repo.slice(0, MAX_REPOS).entries()) this.#repo(one, index + 1);
    if (repo.length > MAX_REPOS) {
      this.#problem('error', 'git_repos.repo', `has ${repo.length} entries; the first ${MAX_REPOS} are used`);
    }
  }

  #repo(raw: unknown, number: number): void {
    const where = `git_repos.repo ${number}`;
    if (!isTable(raw)) return this.#problem('error', where, 'must be a table', 'write [[git_repos.repo]]');
    // one that is switched off is often half filled in
    if (this.#value(raw, 'enable', readBoolean, where) !== true) return;
    for (const key of Object.keys(raw).filter((one) => !Object.hasOwn(repoKeys, one))) this.#unknown(key);
    const found = this.problems.length;
    const remote = this.#value(raw, 'url', repoKeys.url, where);
    const path = (key: 'ssh_private_key_path' | 'ssh_known_hosts_path') => {
      const text = this.#value(raw, key, repoKeys[key], where);
      return text === null ? null : resolve(this.#home, text);
    };
    const repo = {
      branch: this.#value(raw, 'branch', repoKeys.branch, where) ?? DEFAULT_BRANCH,
      sshKeyPath: path('ssh_private_key_path'),
      sshKeyPassword: this.#value(raw, 'ssh_private_key_password', repoKeys.ssh_private_key_password, where),
      sshKnownHostsPath: path('ssh_known_hosts_path'),
    };
    if (remote === null) {
      if (this.problems.length === found) this.#problem('error', where, 'has no url', URL_HINT);
    } else if (this.#mayBeUsed(remote, this.#value(raw, 'allow_local', readBoolean, where) === true, where)) {
      if (this.problems.slice(found).every(({ level }) => level !== 'error'))
        this.repos.push({ ...remote, ...repo });
    }
  }

  #mayBeUsed({ name, url, isLocal }: Remote, allowLocal: boolean, where: string): boolean {
    if (isLocal && !allowLocal) {
      const message = 'has a url that is a path of this machine';
      this.#problem('error', where, message, 'set allow_local = true if that is meant');
      return false;
    }
    if (this.repos.some((repo) => repo.name.toLowerCase() === name.toLowerCase())) {
      const message = `ends in the same name as an earlier one, ${quoted(name)}, and is not used`;
      this.#problem('error', where, message, 'rename one of the repositories');
      return false;
    }
    if (url.startsWith('http://')) {
      const message = `is read over plain http (${redactUrl(url)}): whoever is on the way can change the code`;
      this.#problem('warning', where, message, 'write https://');
    }
    return true;
  }

  /** A value of a table; null where there is none, or an empty string, or it is wrong. */
  #value<T>(table: Table, key: string, read: Reader<T>, where: string): T | null {
    const value = table[key];
    if (value === undefined || value === '') return null;
    const reading = read(value);
    if (reading.ok) return reading.value;
    for (const { text, hint } of reading.faults) this.#problem('error', where, `: ${key} ${text}`, hint);
    return null;
  }

  #unknown(key: string): void {
    this.#problem('warning', 'git_repos', `: the key ${printable(key)} is not known and is ignored`);
  }

  #problem(level: ProblemLevel, where: string, message: string, hint: string | null = null): void {
    const place = { file: this.#file, line: null, block: null, name: null, key: where };
    const text = message.startsWith(':') ? `${where}${message}` : `${where} ${message}`;
    this.problems.push({ ...place, level, code: 'git-repos', message: text, hint });
  }
}
