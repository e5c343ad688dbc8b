import type { ConfigProblem, Settings, SettingsReading } from '@pythond/config';

export interface CurrentSettings {
  readonly settings: Settings;
  readonly problems: readonly ConfigProblem[];
}

/** What takes effect in a scheduler that runs; a change of anything else waits for the next start. */
const LIVE: ReadonlySet<keyof Settings> = new Set<keyof Settings>(['gitRepos', 'bundleLimits']);

/**
 * The settings, read again with the home. What was read well last goes on while `pythond.toml` is broken; what changed
 * and needs a restart is told.
 */
export class LiveSettings {
  readonly #started: Settings;
  readonly #read: () => Promise<SettingsReading>;
  #last: Settings;
  #first: Settings | null = null;

  /** @param read what the command line, the environment and the file say now */
  constructor(started: Settings, read: () => Promise<SettingsReading>) {
    this.#started = started;
    this.#last = started;
    this.#read = read;
  }

  async current(): Promise<CurrentSettings> {
    const reading = await this.#read();
    if (reading.settings === null) return { settings: this.#last, problems: reading.problems };
    this.#first ??= reading.settings;
    const { gitRepos, bundleLimits } = reading.settings;
    this.#last = { ...this.#started, gitRepos, bundleLimits };
    const late = needingRestart(this.#first, reading.settings);
    return {
      settings: this.#last,
      problems: late.length === 0 ? reading.problems : [...reading.problems, restartNeeded(late)],
    };
  }
}

function needingRestart(before: Settings, now: Settings): string[] {
  const names = Object.keys(now) as (keyof Settings)[];
  return names.filter(
    (name) => !LIVE.has(name) && JSON.stringify(before[name]) !== JSON.stringify(now[name]),
  );
}

function restartNeeded(names: readonly string[]): ConfigProblem {
  const shown = names.map((name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
  return {
    ...{ level: 'warning', code: 'restart-needed', file: 'pythond.toml', line: null },
    ...{ block: null, name: null, key: null },
    message: `settings changed that are read at the start only: ${shown.join(', ')}`,
    hint: 'start the fleet again when it suits you',
  };
}
