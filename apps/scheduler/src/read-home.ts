import type { Settings } from '@pythond/config';
import { GitSource } from './git-source.ts';
import { HomeReader, type HomeReading } from './home-reader.ts';
import { LiveSettings } from './live-settings.ts';

/** Reads a home once, as a scheduler would, but for git repos: of those it takes what a fleet has fetched. */
export async function readHome(
  settings: Settings,
  env: Readonly<Record<string, string | undefined>>,
): Promise<HomeReading> {
  const { home, secretsDirs } = settings;
  const git = new GitSource({ home, env, onChange: () => undefined, pulls: false });
  const live = new LiveSettings(settings, async () => ({ settings, problems: [] }));
  return new HomeReader({ home, env, secretsDirs, git, settings: live }).read([]);
}
