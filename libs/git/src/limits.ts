/** What a repository may hold. Bytes. */
export interface GitLimits {
  /** Of what one fetch brings, packed. */
  readonly maxPackBytes: number;
  /** Of the files of a commit, together. */
  readonly maxBytes: number;
  readonly maxFileBytes: number;
  readonly maxFiles: number;
}

const MIB = 1024 * 1024;

export const defaultGitLimits: GitLimits = {
  maxPackBytes: 256 * MIB,
  maxBytes: 256 * MIB,
  maxFileBytes: 32 * MIB,
  maxFiles: 20_000,
};
