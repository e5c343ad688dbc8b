import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readSettings, type Settings } from '@pythond/config';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LiveSettings } from './live-settings.ts';

let home: string;
beforeEach(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'pythond-settings-'));
});
afterEach(() => rm(home, { recursive: true, force: true }));

async function started(toml: string): Promise<LiveSettings> {
  await save(toml);
  const { settings } = await readSettings({ home, env: {}, flags: { datakitUrl: 'http://flag:1' } });
  const live = new LiveSettings(settings as Settings, () => readSettings({ home, env: {} }));
  await live.current();
  return live;
}

const save = (toml: string) => writeFile(path.join(home, 'pythond.toml'), toml);

describe('settings under a running scheduler', () => {
  it('take over what may change, and keep what the command line said', async () => {
    const live = await started('');
    await save('bundle_files = 7\n[git_repos]\npull_interval = "5s"\n');
    const { settings, problems } = await live.current();
    expect(problems).toEqual([]);
    expect(settings.bundleLimits.maxFiles).toBe(7);
    expect(settings.gitRepos).toEqual({ pull_interval: '5s' });
    expect(settings.datakitUrl).toBe('http://flag:1');
  });

  it('tell what waits for the next start, as long as it does', async () => {
    const live = await started('concurrency = 2\n');
    await save('concurrency = 3\nlog_level = "debug"\n');
    const { settings, problems } = await live.current();
    expect(settings.concurrency).toBe(2);
    expect(problems).toMatchObject([{ level: 'warning', code: 'restart-needed' }]);
    expect(problems[0]?.message).toContain('concurrency, log_level');
    await save('concurrency = 2\n');
    expect((await live.current()).problems).toEqual([]);
  });

  it('stay as they were while the file is broken, which is told', async () => {
    const live = await started('bundle_files = 7\n');
    await save('bundle_files = [');
    const { settings, problems } = await live.current();
    expect(settings.bundleLimits.maxFiles).toBe(7);
    expect(problems).toMatchObject([{ level: 'error', code: 'toml', file: 'pythond.toml' }]);
  });
});
