export type { BlockKey } from './block-key.ts';
export { type BlockKeyName, blockKeyNames, blockKeys } from './block-keys.ts';
export { type DatakitConf, readDatakitConf } from './datakit-conf.ts';
export { formatDuration, parseDuration } from './duration.ts';
export {
  type ExpandEnvsOptions,
  type ExpandedEnvs,
  environmentAllowList,
  expandEnvs,
} from './expand-envs.ts';
export { type GitRepo, type GitRepos, readGitRepos } from './git-repos.ts';
export {
  type ConfigProblem,
  formatInputProblem,
  formatProblem,
  type ProblemCode,
  type ProblemLevel,
  type ValueProblem,
} from './problem.ts';
export {
  type ConfD,
  type Inputs,
  type ReadInputsOptions,
  type RememberedInput,
  readInputs,
} from './read-inputs.ts';
export {
  type ReadSettingsOptions,
  readSettings,
  type Settings,
  type SettingsReading,
} from './read-settings.ts';
export { isFleetSecret } from './reference.ts';
export { type ResolvedTags, type ResolveTagsOptions, resolveTags } from './resolve-tags.ts';
export { defaultSecretsDirs, type ReadSecret, type SecretReading, secretReader } from './secret-file.ts';
export {
  envName,
  flagName,
  logLevels,
  type SettingKey,
  type SettingName,
  settingKeys,
  settingNames,
  tomlName,
} from './setting-keys.ts';
export { formatSize, parseSize } from './size.ts';
export { hasPassword, redactUrl } from './url.ts';
