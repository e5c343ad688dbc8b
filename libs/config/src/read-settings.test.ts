import { availableParallelism } from 'node:os';
import { afterEach, describe, expect, it } from 'vitest';
import { type Files, makeHome, removeHomes } from './home.test-kit.ts';
import { formatProblem } from './problem.ts';
import { type ReadSettingsOptions, readSettings } from './read-settings.ts';
import { envName, flagName, settingNames, tomlName } from './setting-keys.ts';

afterEach(removeHomes);

async function read(
  toml: string | null,
  env: ReadSettingsOptions['env'] = {},
  flags: NonNullable<ReadSettingsOptions['flags']> = {},
  files: Files = {},
) {
  const home = await makeHome({ ...files, ...(toml === null ? {} : { 'pythond.toml': toml }) });
  const { settings, problems } = await readSettings({ home, env, flags });
  return { home, settings, texts: problems.map(formatProblem) };
}

describe('the settings', () => {
  it('have a default each', async () => {
    const { home, settings, texts } = await read(null);
    expect(texts).toEqual([]);
    expect(settings).toEqual({
      home,
      ...{
        redisUrl: null,
        redisPasswordFile: null,
        redisSentinelPasswordFile: null,
        redisCaFile: null,
        redisCertFile: null,
        redisKeyFile: null,
        signingKey: null,
        trustedKeys: null,
        datakitUrl: null,
        deadLetterAgeMs: 2_592_000_000,
        deadLetterBytes: 256 * 1024 ** 2,
        fleetMetrics: 'on',
        hosts: 32,
        hostsMemory: 2 * 1024 ** 3,
        residents: 32,
        logLevel: 'info',
      },
      concurrency: Math.min(32, 2 * availableParallelism()),
      ...{ dataDir: `${home}/.pythond`, cacheDir: `${home}/.pythond/cache` },
      secretsDirs: ['/run/secrets', `${home}/secrets`],
      workerName: expect.stringMatching(/^[A-Za-z0-9._-]+$/),
      host: expect.stringMatching(/^[A-Za-z0-9._-]+$/),
      ...{
        pools: ['default'],
        sandbox: 'strict',
        late: 'dead-letter',
        outboxBytes: 1024 ** 3,
        ...{ discoverTimeoutMs: 60_000, drainMs: 20_000 },
        watch: 'auto',
        pollIntervalMs: null,
      },
      bundleLimits: { maxBytes: 64 * 1024 ** 2, maxFileBytes: 32 * 1024 ** 2, maxFiles: 10_000 },
      gitRepos: null,
    });
  });

  it('come from a flag before the environment before pythond.toml before the default', async () => {
    const toml = 'concurrency = 3\nhosts = 4\nlate = "send"\ndatakit_url = "http://toml:1"\n';
    const env = { PYTHOND_CONCURRENCY: '5', DATAKIT_URL: 'http://env:2', PYTHOND_HOSTS: '' };
    const { settings } = await read(toml, env, { datakitUrl: 'http://flag:3/', hosts: undefined });
    expect(settings).toMatchObject({ concurrency: 5, hosts: 4, late: 'send', datakitUrl: 'http://flag:3' });
  });

  it('are read from every kind of text in the environment', async () => {
    const { home, settings, texts } = await read(null, {
      REDIS_URL: 'redis://:hunter2@redis:6379/1',
      PYTHOND_REDIS_PASSWORD_FILE: '/run/secrets/redis',
      PYTHOND_SECRETS_DIRS: '/a: b',
      PYTHOND_SIGNING_KEY: 'fleet.key',
      PYTHOND_TRUSTED_KEYS: '/a.pub:b.pub',
      PYTHOND_POOLS: 'default, slow,default',
      PYTHOND_OUTBOX_SIZE: '2GiB',
      PYTHOND_BUNDLE_FILES: '7',
      PYTHOND_DISCOVER_TIMEOUT: '90',
      PYTHOND_DATA_DIR: 'state',
      PYTHOND_WORKER_NAME: 'w-1',
      PYTHOND_LOG_LEVEL: 'debug',
      PYTHOND_HOME: '/ignored',
      PYTHOND_INSPECTOR_PORT: '8080',
    });
    expect(texts).toEqual([]);
    expect(settings).toMatchObject({
      ...{ redisUrl: 'redis://:hunter2@redis:6379/1', redisPasswordFile: '/run/secrets/redis' },
      ...{ secretsDirs: ['/a', `${home}/b`], pools: ['default', 'slow'], outboxBytes: 2 * 1024 ** 3 },
      ...{ discoverTimeoutMs: 90_000, dataDir: `${home}/state`, cacheDir: `${home}/state/cache` },
      ...{ workerName: 'w-1', logLevel: 'debug', bundleLimits: { maxFiles: 7 } },
      ...{ signingKey: `${home}/fleet.key`, trustedKeys: ['/a.pub', `${home}/b.pub`] },
    });
  });

  it('keep the git repositories raw', async () => {
    const { settings } = await read('[git_repos]\npull_interval = "1m"\n[[git_repos.repo]]\nurl = "x"\n');
    expect(settings?.gitRepos).toEqual({ pull_interval: '1m', repo: [{ url: 'x' }] });
  });

  it('are all told at once when they are wrong, and none is given', async () => {
    const toml = '# first\nconcurrency = 0\n\npools = ["a b", 5]\nlate = "never"\nbundle_size = "64M"\n';
    const env = {
      PYTHOND_HOSTS: 'many',
      DATAKIT_URL: 'http://h/?token=tkn_hunter2',
      REDIS_URL: 'http://:hunter2@h',
    };
    const { settings, texts } = await read(toml, env, { logLevel: 'loud' });
    expect(settings).toBeNull();
    expect(texts).toEqual([
      'environment: REDIS_URL must be redis://host:6379, rediss://host:6379, unix:///path, an absolute path, redis+sentinel://host:26379/NAME or redis+cluster://host:6379',
      'environment: DATAKIT_URL must hold no token: it is the address of a DataKit, not of the DataWay behind it, and a DataKit asks for none; write http://h',
      'pythond.toml:2: concurrency must be a whole number from 1 to 1000, not 0',
      "environment: PYTHOND_HOSTS must be a whole number from 1 to 1000, not 'many'",
      'command line: --log-level must be "trace", "debug", "info", "warn", "error", "fatal" or "silent", not \'loud\'',
      'pythond.toml:4: pools has a wrong entry 1: it must be 1 to 64 letters, digits, hyphens and underscores, not \'a b\'; write pool = "default"',
      'pythond.toml:4: pools has a wrong entry 2: it must be 1 to 64 letters, digits, hyphens and underscores, not 5; write pool = "default"',
      'pythond.toml:5: late must be "dead-letter" or "send", not \'never\'',
      'pythond.toml:6: bundle_size must be a number of bytes or a size such as "512MiB" or "1GB", not \'64M\'; write "64MiB"',
    ]);
    expect(texts.join()).not.toContain('hunter2');
  });

  it('are used although a key is not known, which is told with the nearest one', async () => {
    const { settings, texts } = await read('redis = 1\ndatakit_ulr = "x"\n[sandboxes]\na = 1\n', {
      PYTHOND_CONCURENCY: '3',
      PYTHOND_SOMETHING_ELSE: '1',
    });
    expect(settings).not.toBeNull();
    expect(texts).toEqual([
      "pythond.toml:1: warning: the key 'redis' is not known and is ignored; remove it",
      "pythond.toml:2: warning: the key 'datakit_ulr' is not known and is ignored; did you mean datakit_url?",
      "pythond.toml:3: warning: the key 'sandboxes' is not known and is ignored; did you mean sandbox?",
      "environment: warning: the key 'PYTHOND_CONCURENCY' is not known and is ignored; did you mean PYTHOND_CONCURRENCY?",
    ]);
  });

  it('take no password from a flag', async () => {
    const { settings, texts } = await read(null, {}, { redisUrl: 'redis://:hunter2@h' });
    expect(settings).toBeNull();
    expect(texts).toEqual([
      'command line: --redis-url must hold no password: every user of the machine sees the flags of a command; set REDIS_URL instead',
    ]);
  });

  it('are raised to the least possible with a warning', async () => {
    const { settings, texts } = await read('discover_timeout = "1ms"');
    expect(settings?.discoverTimeoutMs).toBe(1000);
    expect(texts).toEqual([
      'pythond.toml:1: warning: discover_timeout (1ms) is below the least possible; 1s is used; write "1s"',
    ]);
  });

  it.each([
    ['a = = 1', 'pythond.toml:1: the file is not valid TOML here: invalid value'],
    ['a = "\0"', 'pythond.toml: the file holds a NUL byte at offset 5 (line 1); save it as plain text'],
    [`a = ${'['.repeat(10_000)}`, 'pythond.toml: the file is nested deeper than 64'],
    [
      `# ${'x'.repeat(2_000_000)}`,
      'pythond.toml: the file is larger than 1 MiB and was not read; split it, or move it elsewhere',
    ],
  ])('are none when pythond.toml is broken', async (toml, text) => {
    expect(await read(toml)).toMatchObject({ settings: null, texts: [text] });
  });

  it('have one name in each place', () => {
    expect(settingNames.map((name) => [tomlName(name), envName(name), flagName(name)])).toContainEqual([
      ...['bundle_file_size', 'PYTHOND_BUNDLE_FILE_SIZE', '--bundle-file-size'],
    ]);
    expect([envName('redisUrl'), envName('datakitUrl')]).toEqual(['REDIS_URL', 'DATAKIT_URL']);
  });
});
