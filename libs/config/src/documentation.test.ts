import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { defaultPolicy, policySchema } from '@pythond/sandbox';
import { afterEach, describe, expect, it } from 'vitest';
import type { AnyBlockKey } from './block-key.ts';
import { blockKeyNames, blockKeys, findBlockKey } from './block-keys.ts';
import { environmentAllowList } from './expand-envs.ts';
import { makeHome, readConf, readHome, removeHomes } from './home.test-kit.ts';
import { parseToml } from './parse-toml.ts';
import { envName, type SettingKey, settingKeys, settingNames, tomlName } from './setting-keys.ts';

afterEach(removeHomes);

const repository = resolve(import.meta.dirname, '../../..');
const read = (path: string) => readFile(resolve(repository, path), 'utf8');

/** The rows of the table between `<!-- name -->` and `<!-- /name -->`, without its head. */
function rows(document: string, name: string): string[][] {
  const [, table = ''] = document.split(new RegExp(`<!-- /?${name} -->\n+`));
  const lines = table.trim().split('\n').slice(2);
  return lines.map((line) =>
    line
      .replace(/^\||\|$/g, '')
      .split(' | ')
      .map((cell) => cell.trim()),
  );
}

/** The value that a column `default` in backquotes stands for; undefined for a default in words. */
function written(column: string): unknown {
  const text = /^`(.*)`$/.exec(column)?.[1];
  const parsed = parseToml(`x = ${text}`);
  return text === undefined || !parsed.ok ? undefined : parsed.table['x'];
}

describe('docs/configuration.md', () => {
  it('has a row for every key of a block, as the code has it', async () => {
    const expected = blockKeyNames.map((name) => {
      const { type, default: byDefault, where, about }: AnyBlockKey = blockKeys[name];
      return [`\`${name}\``, type, byDefault, where, about];
    });
    expect(rows(await read('docs/configuration.md'), 'block keys')).toEqual(expected);
  });

  it('has a row for every setting, as the code has it', async () => {
    const expected = settingNames.map((name) => {
      const { type, default: byDefault, about }: SettingKey<unknown> = settingKeys[name];
      return [`\`${tomlName(name)}\``, `\`${envName(name)}\``, type, byDefault, about];
    });
    expect(rows(await read('docs/configuration.md'), 'settings')).toEqual(expected);
  });

  it('names every variable of the allow-list', async () => {
    const text = await read('docs/configuration.md');
    for (const name of environmentAllowList.filter((name) => !/^[A-Z]+_PROXY$/.test(name))) {
      expect(text).toContain(`\`${name}\``);
    }
  });

  it('has examples that are read without a problem', async () => {
    const examples = [...(await read('docs/configuration.md')).matchAll(/```toml\n(\[\[[\s\S]*?)```/g)];
    expect(examples.length).toBeGreaterThan(1);
    for (const [, example = ''] of examples) expect((await readConf(example)).texts).toEqual([]);
  });
});

describe('the default of a block key in the reference', () => {
  it.each(blockKeyNames)('%s is the one that the code takes', (name) => {
    const { default: byDefault, fallback, read }: AnyBlockKey = blockKeys[name];
    const value = written(byDefault);
    if (value === undefined) return;
    const reading = read(value);
    // `isolation` is null until somebody asks for one, so that the class can.
    if (name !== 'isolation') expect(reading).toMatchObject({ ok: true, value: fallback });
  });

  it('is that of the policy, for the keys of the policy', async () => {
    const { inputs } = await readConf('[[inputs.pythond]]\nname = "a"\ncmd = "p"\ndirs = ["d"]\n');
    expect(inputs[0]?.policy).toEqual(defaultPolicy);
    expect(Object.keys(inputs[0]?.policy ?? {}).sort()).toEqual(Object.keys(policySchema.shape).sort());
  });
});

describe('the default of a setting in the reference', () => {
  it.each(settingNames)('%s is the one that the code takes', (name) => {
    const { default: byDefault, fallback, read }: SettingKey<unknown> = settingKeys[name];
    const value = written(byDefault);
    if (value !== undefined) expect(read(value)).toMatchObject({ ok: true, value: fallback });
  });
});

describe('conf.d of the repository', () => {
  it('runs the Demo collector and nothing else', async () => {
    const home = await makeHome({
      'conf.d/pythond.conf': await read('conf.d/pythond.conf'),
      'conf.d/samples/pythond.conf.sample': await read('conf.d/samples/pythond.conf.sample'),
    });
    const { inputs, texts } = await readHome(home);
    expect(texts).toEqual([]);
    expect(inputs).toMatchObject([{ key: 'demo', cmd: 'python3', dirs: ['Demo'], envs: null }]);
  });

  it('has a sample that is read without a problem, as it is and with every key uncommented', async () => {
    const sample = await read('conf.d/samples/pythond.conf.sample');
    const { inputs, texts } = await readConf(sample);
    expect(texts).toEqual([]);
    expect(inputs).toMatchObject([
      { name: 'some-python-inputs', cmd: 'python3', dirs: ['mytest'], envs: null },
    ]);
    const all = await readConf(sample.replace(/^( *)#(\w+ = )/gm, '$1$2'));
    expect(all.texts).toEqual([]);
  });

  it('has a sample of every key, with its default where that is a value', async () => {
    const sample = await read('conf.d/samples/pythond.conf.sample');
    const keys = [...sample.matchAll(/^ *#?(\w+) = (.*?)(?: *# .*)?$/gm)].map(([, key = '', value = '']) => ({
      key,
      value,
    }));
    expect(keys.map(({ key }) => key).sort()).toEqual([...blockKeyNames].sort());
    for (const { key, value } of keys) {
      const byDefault = findBlockKey(key)?.default ?? '';
      if (written(byDefault) !== undefined) expect(`\`${value}\``).toBe(byDefault);
    }
  });
});
