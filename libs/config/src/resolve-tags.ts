import type { ValueProblem } from './problem.ts';
import { type ReadSecret, secretReader } from './secret-file.ts';
import { ValueResolver } from './value-resolver.ts';

export interface ResolveTagsOptions {
  readonly tags: Readonly<Record<string, string>>;
  /** The only folders that secrets are read from. */
  readonly secretsDirs: readonly string[];
  /** Instead of the file system, for tests. */
  readonly readSecret?: ReadSecret;
}

export interface ResolvedTags {
  /** Without the tags that have an error. */
  readonly tags: Readonly<Record<string, string>>;
  readonly problems: readonly ValueProblem[];
}

/** A block's tags with the secrets that they name, read on the worker. Their variables were the scheduler's to expand. */
export async function resolveTags(options: ResolveTagsOptions): Promise<ResolvedTags> {
  const { readSecret = secretReader(options.secretsDirs) } = options;
  const tags: Record<string, string> = Object.create(null);
  const resolver = new ValueResolver('tags', readSecret, null);
  for (const [key, text] of Object.entries(options.tags)) {
    const value = await resolver.resolve(key, text);
    if (value !== null) tags[key] = value;
  }
  return { tags, problems: resolver.problems };
}
