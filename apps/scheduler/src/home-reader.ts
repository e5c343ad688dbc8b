import { stat } from 'node:fs/promises';
import path from 'node:path';
import {
  type ConfD,
  type ConfigProblem,
  formatProblem,
  type RememberedInput,
  readDatakitConf,
  readGitRepos,
  readInputs,
  type Settings,
} from '@pythond/config';
import type { InputDefinition } from '@pythond/jobs';
import type { Problem } from '@pythond/registry';
import type { GitHome, GitSource } from './git-source.ts';
import type { LiveSettings } from './live-settings.ts';

export interface HomeReaderOptions {
  readonly home: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly secretsDirs: readonly string[];
  readonly settings: LiveSettings;
  readonly git: GitSource;
}

/** Everything that the home, and the git repos that it names, ask for now. */
export interface HomeReading {
  readonly inputs: readonly InputDefinition[];
  /** Keys of inputs that are asked for in a way that can't be read now. */
  readonly unread: readonly string[];
  /** Whether there is something of which nothing is known yet, so that no input can be said to be gone. */
  readonly isPartial: boolean;
  readonly problems: readonly Problem[];
  readonly bundleLimits: Settings['bundleLimits'];
  /** Of `datakit.conf`. */
  readonly datakitUrl: string | null;
  /** Homes of git repos, in the order of their configuration. */
  readonly overlays: readonly string[];
  readonly commitOf: (file: string) => string | null;
}

/**
 * Reads `pythond.toml`, `datakit.conf` and every conf file. It never throws for what users wrote. A block that can't be
 * read now counts as it was when it last could, so that edits of its scripts still roll out.
 */
export class HomeReader {
  readonly #options: HomeReaderOptions;
  #lastGood: ReadonlyMap<string, InputDefinition> = new Map();

  constructor(options: HomeReaderOptions) {
    this.#options = options;
  }

  async read(remembered: readonly RememberedInput[]): Promise<HomeReading> {
    const { home, env, secretsDirs, git } = this.#options;
    const { settings, problems } = await this.#options.settings.current();
    const repos = readGitRepos(...(await this.#gitRepos(settings)));
    const homes = await git.follow(repos);
    const confDs = await confDsOf(homes);
    const isOn = repos.repos.length > 0;
    const found = await readInputs({
      ...{ home, env, secretsDirs, remembered },
      ...(isOn ? { confDs } : {}),
    });
    const kept = found.unread.flatMap((key) => this.#lastGood.get(key) ?? []);
    const inputs = [...found.inputs, ...kept];
    this.#lastGood = new Map(inputs.map((definition) => [definition.key, definition]));
    return {
      inputs,
      unread: found.unread,
      isPartial: isOn && homes.length < repos.repos.length,
      problems: [...[...problems, ...repos.problems, ...found.problems].map(toProblem), ...git.problems()],
      bundleLimits: settings.bundleLimits,
      datakitUrl: found.datakitConf.url,
      overlays: homes.map(({ dir }) => dir),
      commitOf: (file) => commitOf(homes, file),
    };
  }

  /** `pythond.toml` before `datakit.conf`. */
  async #gitRepos({ gitRepos }: Settings): Promise<Parameters<typeof readGitRepos>> {
    const { home } = this.#options;
    if (gitRepos !== null) return [gitRepos, { file: 'pythond.toml', home }];
    const file = path.join('conf.d', 'datakit.conf');
    const { conf } = await readDatakitConf(path.join(home, file), file);
    return [conf.gitRepos, { file, home }];
  }
}

function shownHome(repo: string): string {
  return `gitrepos/${repo}`;
}

function commitOf(homes: readonly GitHome[], file: string): string | null {
  const home = homes.find(({ name }) => file.startsWith(`${shownHome(name)}/`));
  return home ? `${home.name}@${home.commit.slice(0, 12)}` : null;
}

/** A repo need not have a conf.d: it may hold modules for the others. */
async function confDsOf(homes: readonly GitHome[]): Promise<ConfD[]> {
  const confDs: ConfD[] = [];
  for (const { name, dir } of homes) {
    const folder = path.join(dir, 'conf.d');
    const stats = await stat(folder).catch(() => null);
    if (stats?.isDirectory()) confDs.push({ path: folder, shown: `${shownHome(name)}/conf.d` });
  }
  return confDs;
}

function toProblem(problem: ConfigProblem): Problem {
  return { level: problem.level, code: problem.code, text: formatProblem(problem) };
}
