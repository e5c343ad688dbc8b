import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { type ExpandEnvsOptions, environmentAllowList, expandEnvs } from './expand-envs.ts';
import { makeHome, removeHomes } from './home.test-kit.ts';
import { formatProblem } from './problem.ts';
import { resolveTags } from './resolve-tags.ts';

afterEach(removeHomes);

const worker = {
  PATH: '/usr/bin',
  HOME: '/home/w',
  LC_ALL: 'C.UTF-8',
  https_proxy: 'http://u:proxypass@p',
  REDIS_URL: 'redis://:hunter2@h',
  PYTHOND_TOKEN: 'hunter2',
  ORACLE_HOME: '/opt/oracle',
  OTHER: 'other',
};

async function expand(envs: string[] | null, more: Partial<ExpandEnvsOptions> = {}) {
  const { environment, problems } = await expandEnvs({
    envs,
    envAllow: [],
    env: worker,
    secretsDirs: [],
    ...more,
  });
  return { environment: { ...environment }, texts: problems.map(formatProblem) };
}

describe("a block's environment on the worker", () => {
  it('is the allow-list, as far as the worker has it, when the block has no envs', async () => {
    expect(await expand(null)).toEqual({
      environment: {
        PATH: '/usr/bin',
        HOME: '/home/w',
        LC_ALL: 'C.UTF-8',
        https_proxy: 'http://u:proxypass@p',
      },
      texts: [],
    });
  });

  it('has what env_allow adds, never what opens the fleet', async () => {
    const { environment } = await expand(null, {
      envAllow: ['ORACLE_HOME', 'REDIS_URL', 'PYTHOND_TOKEN', 'NONE'],
    });
    expect(environment).toMatchObject({ ORACLE_HOME: '/opt/oracle' });
    expect(JSON.stringify(environment)).not.toContain('hunter2');
  });

  it('is exactly envs when the block has them, and empty when they are', async () => {
    expect((await expand([])).environment).toEqual({});
    expect((await expand(['A=1', 'B=', 'A=2=3', '__proto__=x'])).environment).toEqual(
      Object.fromEntries([
        ['A', '2=3'],
        ['B', ''],
        ['__proto__', 'x'],
      ]),
    );
  });

  it('expands variables of the allow-list in values, to nothing when the worker lacks them', async () => {
    const { environment, texts } = await expand(
      [
        'LD_LIBRARY_PATH=/path/to/lib:$LD_LIBRARY_PATH',
        `PATH=/opt/bin:\${PATH}`,
        'ORA=$ORACLE_HOME/lib:$LC_X',
      ],
      { envAllow: ['ORACLE_HOME'] },
    );
    expect(environment).toEqual({
      LD_LIBRARY_PATH: '/path/to/lib:',
      PATH: '/opt/bin:/usr/bin',
      ORA: '/opt/oracle/lib:',
    });
    expect(texts).toEqual([]);
  });

  it('leaves every other variable as it is written, with a warning', async () => {
    const { environment, texts } = await expand([
      'A=$REDIS_URL',
      'B=$OTHER',
      'PASSWORD=pa$5w',
      'C=$__proto__',
    ]);
    expect(environment).toEqual({ A: '$REDIS_URL', B: '$OTHER', PASSWORD: 'pa$5w', C: '$__proto__' });
    expect(texts).toEqual([
      'warning: A in envs holds $REDIS_URL, which stays as it is: it opens the fleet itself and is expanded nowhere',
      'warning: B in envs holds $OTHER, which stays as it is: it is not on the allow-list; write env_allow = ["OTHER"] if it is a variable of the worker',
      'warning: C in envs holds $__proto__, which stays as it is: it is not on the allow-list; write env_allow = ["__proto__"] if it is a variable of the worker',
    ]);
  });

  it('does not expand what a variable or a secret holds', async () => {
    const home = await makeHome({ 'secrets/s': '$PATH ENC[file:///x]' });
    const { environment } = await expand([`A=ENC[file://${home}/secrets/s]`, 'B=$HOME'], {
      env: { HOME: '$PATH', PATH: 'p' },
      secretsDirs: [`${home}/secrets`],
    });
    expect(environment).toEqual({ A: '$PATH ENC[file:///x]', B: '$PATH' });
  });

  it('reads secrets from files, as a whole value or as a part of one', async () => {
    const home = await makeHome({ 'secrets/db': 'hunter2\n', 'secrets/a b': 'spaced' });
    const { environment, texts } = await expand(
      [
        `A=file://${home}/secrets/db`,
        `B=ENC[file://${home}/secrets/db]`,
        `C=mysql://u:ENC[file:${home}/secrets/db]@h`,
        'D=file://$HOME/secrets/db',
        `E=file://${home}/secrets/a%20b`,
        'F=file://host/x',
        'G=x file:///etc/passwd',
      ],
      { env: { HOME: home }, secretsDirs: [`${home}/secrets`] },
    );
    expect(texts).toEqual([]);
    expect(environment).toEqual({
      ...{ A: 'hunter2', B: 'hunter2', C: 'mysql://u:hunter2@h', D: 'hunter2', E: 'spaced' },
      ...{ F: 'file://host/x', G: 'x file:///etc/passwd' },
    });
  });

  it('lacks a value that can not be resolved, and says which key and which rule', async () => {
    const home = await makeHome({ 'secrets/db': 'hunter2' });
    const { environment, texts } = await expand(
      [
        'OK=1',
        'A=file:///proc/self/environ',
        'B=ENC[file:///etc/passwd]',
        `C=file://${home}/secrets/%2e%2e/x`,
        'D=ENC[aes://abc=]',
        'E=ENC[file://$https_proxy]',
      ],
      { secretsDirs: [`${home}/secrets`] },
    );
    expect(environment).toEqual({ OK: '1' });
    const rule = `which can't be read: secrets are read from ${home}/secrets only; put the file there, or name its folder in secrets_dirs`;
    expect(texts).toEqual([
      `A in envs names /proc/self/environ, ${rule}`,
      `B in envs names /etc/passwd, ${rule}`,
      `C in envs names ${home}/secrets/../x, which can't be read: its path holds '..'`,
      'D in envs holds an ENC[aes:…], which is not supported; write ENC[file:///path]',
      "E in envs names $https_proxy, which can't be read: its path is not an absolute one",
    ]);
  });

  it('takes the last entry of a name, also when that can not be resolved', async () => {
    expect((await expand(['A=1', 'A=file:///etc/passwd'])).environment).toEqual({});
  });

  it('never holds a variable of the worker that is not allowed, whatever the values are', async () => {
    const piece = fc.constantFrom(
      '$',
      '{',
      '}',
      'REDIS_URL',
      'OTHER',
      'PATH',
      'PYTHOND_TOKEN',
      'x',
      '=',
      ':',
      'ENC[',
      ']',
      '$REDIS_URL',
    );
    const entry = fc.array(piece, { maxLength: 12 }).map((parts) => `A=${parts.join('')}`);
    await fc.assert(
      fc.asyncProperty(fc.array(entry, { maxLength: 4 }), async (envs) => {
        const { environment } = await expand(envs);
        expect(JSON.stringify(environment)).not.toContain('hunter2');
      }),
      { numRuns: 500 },
    );
  });

  it('has the whole allow-list of the reference', () => {
    expect(environmentAllowList).toEqual([
      ...['PATH', 'HOME', 'LANG', 'TZ', 'LD_LIBRARY_PATH', 'PYTHONPATH'],
      ...['http_proxy', 'https_proxy', 'no_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY'],
    ]);
  });
});

describe("a block's tags on the worker", () => {
  it('have their secrets read, and their dollars left alone', async () => {
    const home = await makeHome({ 'secrets/t': 'gold\n' });
    const { tags, problems } = await resolveTags({
      tags: { a: `file://${home}/secrets/t`, b: `x-ENC[file://${home}/secrets/t]`, c: '$PATH', d: 'plain' },
      secretsDirs: [`${home}/secrets`],
    });
    expect({ ...tags }).toEqual({ a: 'gold', b: 'x-gold', c: '$PATH', d: 'plain' });
    expect(problems).toEqual([]);
  });

  it('lack one that can not be read', async () => {
    const { tags, problems } = await resolveTags({
      tags: { a: 'file:///etc/passwd', b: '1' },
      secretsDirs: ['/s'],
    });
    expect({ ...tags }).toEqual({ b: '1' });
    expect(problems.map(formatProblem)).toEqual([
      "a in tags names /etc/passwd, which can't be read: secrets are read from /s only; put the file there, or name its folder in secrets_dirs",
    ]);
  });
});
