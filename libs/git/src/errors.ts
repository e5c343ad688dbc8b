/**
 * - `git-missing`: there is no git on this machine, or none that is new enough.
 * - `git-unreachable`: the remote does not answer, or not in time.
 * - `git-refused`: the remote, or our check of it, said no: user, password, key, host key or certificate.
 * - `git-no-branch`: the remote has no such branch.
 * - `git-too-large`: the repository is larger than it may be.
 * - `git-failed`: anything else.
 */
export type GitErrorCode =
  | 'git-missing'
  | 'git-unreachable'
  | 'git-refused'
  | 'git-no-branch'
  | 'git-too-large'
  | 'git-failed';

/** A repository can't be read now: which, why, and what to do. The message holds no password. */
export class GitError extends Error {
  override readonly name = 'GitError';
  readonly code: GitErrorCode;

  constructor(code: GitErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}
