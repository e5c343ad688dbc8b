import type { GitRepos } from '@pythond/config';
import type { Problem } from '@pythond/registry';

/** What a git repo held when it was last read well. */
export interface GitHome {
  readonly name: string;
  /** Its files at that commit. */
  readonly dir: string;
  readonly commit: string;
}

/** Keeps up with git repos. */
export class GitSource {
  /** Reads these from now on; gives what is there of them. */
  async follow(_repos: GitRepos): Promise<readonly GitHome[]> {
    return [];
  }

  problems(): readonly Problem[] {
    return [];
  }
}
