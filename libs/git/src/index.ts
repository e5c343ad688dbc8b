export { GitError, type GitErrorCode } from './errors.ts';
export { GitMirror, type GitMirrorOptions, type GitVersion } from './git-mirror.ts';
export { defaultGitLimits, type GitLimits } from './limits.ts';
