import type { GitRepo } from '@pythond/config';
import { GitError, type GitErrorCode } from './errors.ts';
import type { GitResult } from './git-program.ts';

interface Rule {
  readonly pattern: RegExp;
  readonly code: GitErrorCode;
  readonly hint: string;
}

/** What git, curl and ssh say, and what to do. The first that fits counts. */
const RULES: readonly Rule[] = [
  {
    pattern: /exec: git: not found|git: command not found|git: not found/i,
    code: 'git-missing',
    hint: 'install git where the scheduler runs',
  },
  {
    pattern: /cannot run ssh|ssh: not found/i,
    code: 'git-missing',
    hint: "install OpenSSH's client where the scheduler runs",
  },
  {
    pattern: /File too large|signal 25|SIGXFSZ/i,
    code: 'git-too-large',
    hint: 'keep large files out of it',
  },
  {
    pattern: /couldn't find remote ref|Remote branch .* not found/i,
    code: 'git-no-branch',
    hint: 'set branch to one that it has',
  },
  {
    pattern: /Host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED/i,
    code: 'git-refused',
    hint: "add the host's key to known_hosts of the user that runs the scheduler, or to the file that ssh_known_hosts_path names",
  },
  {
    pattern: /Permission denied|Load key|invalid format|UNPROTECTED PRIVATE KEY|incorrect passphrase/i,
    code: 'git-refused',
    hint: 'check ssh_private_key_path, its file mode (600), and ssh_private_key_password',
  },
  {
    pattern: /certificate|SSL|TLS/i,
    code: 'git-refused',
    hint: 'a certificate of an authority of your own is named with SSL_CERT_FILE',
  },
  {
    pattern: /could not read Username|could not read Password|Authentication failed|error: 40[13]/i,
    code: 'git-refused',
    hint: 'put user and token into the url: https://user:token@host/…',
  },
  {
    pattern: /not found|does not appear to be a git repository|error: 404/i,
    code: 'git-refused',
    hint: 'check the url, and that its user may read the repository',
  },
  {
    pattern: /protocol .* is not supported|transport .* not allowed/i,
    code: 'git-refused',
    hint: 'use https:// or ssh',
  },
];

/** Why a fetch failed, as a line for people that holds none of the repository's secrets. */
export function fetchFailure(repo: GitRepo, result: GitResult): GitError {
  const what = `${repo.url}, branch ${repo.branch}, can't be fetched`;
  if (result.stopped === 'time') {
    return new GitError('git-unreachable', `${what}: it took too long; check the way to it`);
  }
  const said = withoutSecrets(lastLine(result.stderr), repo);
  const rule = RULES.find(({ pattern }) => pattern.test(result.stderr));
  const code = rule?.code ?? 'git-unreachable';
  return new GitError(code, `${what}: ${said}; ${rule?.hint ?? 'it is tried again'}`);
}

/** Git's own last word: what comes after `fatal:` or `error:`, else the last line. */
function lastLine(stderr: string): string {
  const lines = stderr
    .split('\n')
    .map((line) => line.trim())
    .filter(
      (line) => line !== '' && !/^(?:hint:|Please make sure|and the repository exists|warning:)/.test(line),
    );
  const told = lines.find(
    (line) => /^(?:fatal|error|remote|ssh):/.test(line) && !/read from remote/.test(line),
  );
  // how long it took differs each time, and the trouble is the same
  const said = (told ?? lines.at(-1) ?? 'git said nothing').replace(/ after \d+ ms/, '');
  return said.slice(0, 400);
}

/** Whatever git or a server repeats of them. */
export function withoutSecrets(text: string, { credentials, sshKeyPassword }: GitRepo): string {
  const secrets = [credentials?.password, credentials?.user, sshKeyPassword]
    .filter((secret): secret is string => typeof secret === 'string' && secret.length > 0)
    .flatMap((secret) => [secret, encodeURIComponent(secret)]);
  let clean = text.replace(/:\/\/[^/@\s]+@/g, '://***@').replace(/\p{Cc}/gu, ' ');
  for (const secret of secrets) clean = clean.replaceAll(secret, '***');
  return clean;
}
