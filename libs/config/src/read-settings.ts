import { join, resolve } from 'node:path';
import { z } from 'zod';
import { printable } from './printable.ts';
import type { ConfigProblem } from './problem.ts';
import { describe } from './readers.ts';
import { badUnshown, type Fault, type Reading } from './reading.ts';
import { defaultSecretsDirs } from './secret-file.ts';
import { type SettingKey, type SettingName, settingKeys, settingNames } from './setting-keys.ts';
import {
  misspeltVariables,
  readSettingsFile,
  type Sourced,
  type SourcedValue,
  settingsOfEnv,
  settingsOfFlags,
} from './setting-sources.ts';
import { hasPassword } from './url.ts';

type Values = {
  readonly [K in SettingName]: (typeof settingKeys)[K] extends SettingKey<infer T> ? T : never;
};

/** Everything that flags, environment and `pythond.toml` can set, every path absolute. */
export interface Settings
  extends Omit<
    Values,
    | 'dataDir'
    | 'cacheDir'
    | 'secretsDirs'
    | 'discoverTimeout'
    | 'drain'
    | 'deadLetterAge'
    | 'pollInterval'
    | Limits
  > {
  readonly home: string;
  readonly dataDir: string;
  readonly cacheDir: string;
  readonly secretsDirs: readonly string[];
  readonly discoverTimeoutMs: number;
  readonly drainMs: number;
  /** null: what fits the file system. */
  readonly pollIntervalMs: number | null;
  readonly outboxBytes: number;
  readonly deadLetterBytes: number;
  readonly deadLetterAgeMs: number;
  /** Over the defaults of `@pythond/bundles`. */
  readonly bundleLimits: {
    readonly maxBytes: number;
    readonly maxFileBytes: number;
    readonly maxFiles: number;
  };
  /** `[git_repos]` of `pythond.toml` as it stands; its URLs may hold passwords. */
  readonly gitRepos: unknown | null;
}

type Limits = 'outboxSize' | 'deadLetterSize' | 'bundleSize' | 'bundleFileSize' | 'bundleFiles';

export interface ReadSettingsOptions {
  /** The folder that holds `pythond.toml`; relative paths in settings start here, wherever they were set. */
  readonly home: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** By setting; `undefined` and absent mean that the flag was not given. */
  readonly flags?: Partial<Record<SettingName, unknown>>;
}

export interface SettingsReading {
  /** null when a problem is an error: nothing should start on a setting that was not meant. */
  readonly settings: Settings | null;
  readonly problems: readonly ConfigProblem[];
}

/** Reads the settings: a flag comes before the environment, that before `pythond.toml`, that before the default. */
export async function readSettings({ home, env, flags = {} }: ReadSettingsOptions): Promise<SettingsReading> {
  const file = await readSettingsFile(home);
  const sourced: Sourced = { ...file.values, ...settingsOfEnv(env), ...settingsOfFlags(flags) };
  const problems = [...file.problems, ...misspeltVariables(env)];
  const values = Object.fromEntries(settingNames.map((name) => [name, sourced[name]?.value]));
  const parsed = settingsSchema(sourced, problems).safeParse(values);
  if (!parsed.success) problems.push(...parsed.error.issues.flatMap((issue) => issueProblem(issue, sourced)));
  const failed = !parsed.success || problems.some(({ level }) => level === 'error');
  return { settings: failed ? null : toSettings(resolve(home), parsed.data, file.gitRepos), problems };
}

/** One object schema, so that every wrong setting is told at once. What a reader notes goes to `problems`. */
function settingsSchema(sourced: Sourced, problems: ConfigProblem[]): z.ZodType<Values> {
  const field = (name: SettingName) =>
    z.unknown().transform((_, context): unknown => {
      const key: SettingKey<unknown> = settingKeys[name];
      const found = sourced[name];
      if (found === undefined) return key.fallback;
      const reading = read(key, found);
      if (reading.ok) {
        problems.push(...reading.notes.map(({ text, hint }) => noteProblem(found, text, hint)));
        return reading.value;
      }
      for (const fault of reading.faults)
        context.addIssue({ code: 'custom', message: fault.text, params: { fault } });
      return z.NEVER;
    });
  const shape = Object.fromEntries(settingNames.map((name) => [name, field(name)]));
  return z.object(shape) as unknown as z.ZodType<Values>;
}

function read(key: SettingKey<unknown>, { value, from }: SourcedValue): Reading<unknown> {
  if (from === 'flag' && typeof value === 'string' && hasPassword(value)) {
    const hint = key.env === undefined ? null : `set ${key.env} instead`;
    return badUnshown('must hold no password: every user of the machine sees the flags of a command', hint);
  }
  return key.read(value);
}

function issueProblem(issue: z.core.$ZodIssue, sourced: Sourced): ConfigProblem[] {
  const name = String(issue.path[0]) as SettingName;
  const found = sourced[name];
  const fault: Fault | undefined = issue.code === 'custom' ? issue.params?.['fault'] : undefined;
  if (found === undefined || fault === undefined) return [];
  const key: SettingKey<unknown> = settingKeys[name];
  const instead = key.secret ? '' : shown(fault, found.value);
  const message = `${found.key} ${fault.text}${instead}`;
  return [{ ...placeOf(found), level: 'error', code: fault.code, message, hint: fault.hint }];
}

function noteProblem(found: SourcedValue, text: string, hint: string | null): ConfigProblem {
  const message = `${found.key} (${printable(String(found.value))}) ${text}`;
  return { ...placeOf(found), level: 'warning', code: 'adjusted-value', message, hint };
}

function shown({ shows }: Fault, value: unknown): string {
  if (shows === 'nothing') return '';
  return `, not ${describe(shows === 'value' ? value : shows.entry)}`;
}

function placeOf({ file, line, key }: SourcedValue) {
  return { file, line, key, block: null, name: null };
}

function toSettings(home: string, values: Values, gitRepos: unknown | null): Settings {
  const { bundleSize, bundleFileSize, bundleFiles, discoverTimeout, drain, pollInterval, ...others } = values;
  const { outboxSize, deadLetterSize, deadLetterAge, ...rest } = others;
  const at = (path: string) => resolve(home, path);
  const atOrNull = (path: string | null) => (path === null ? null : at(path));
  const dataDir = at(values.dataDir ?? '.pythond');
  return {
    ...rest,
    home,
    dataDir,
    cacheDir: values.cacheDir === null ? join(dataDir, 'cache') : at(values.cacheDir),
    secretsDirs: (values.secretsDirs ?? defaultSecretsDirs(home)).map(at),
    redisPasswordFile: atOrNull(values.redisPasswordFile),
    redisSentinelPasswordFile: atOrNull(values.redisSentinelPasswordFile),
    redisCaFile: atOrNull(values.redisCaFile),
    redisCertFile: atOrNull(values.redisCertFile),
    redisKeyFile: atOrNull(values.redisKeyFile),
    signingKey: atOrNull(values.signingKey),
    trustedKeys: values.trustedKeys?.map(at) ?? null,
    discoverTimeoutMs: discoverTimeout,
    drainMs: drain,
    pollIntervalMs: pollInterval,
    outboxBytes: outboxSize,
    deadLetterBytes: deadLetterSize,
    deadLetterAgeMs: deadLetterAge,
    bundleLimits: { maxBytes: bundleSize, maxFileBytes: bundleFileSize, maxFiles: bundleFiles },
    gitRepos,
  };
}
