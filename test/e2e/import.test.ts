import { access, readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { check } from '../support/check.ts';
import { type CliOptions, repository, runCli } from '../support/cli.ts';
import { makeHome, type TestHome } from '../support/home.ts';

vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

const source = path.join(repository, 'test/fixtures/datakit-install');
const FILES = [
  ...['conf.d/pythond/machine.conf', 'conf.d/pythond/pythond.conf', 'python.d/Demo/demo.py'],
  ...['python.d/machine/disk.py', 'python.d/machine/shop.py', 'python.d/mytest/test.py'],
];
const longest = (text: string) => Math.max(...text.split(/\r?\n/).map((line) => [...line].length));

let home: TestHome;
beforeAll(async () => {
  home = await makeHome({});
});
afterAll(() => home?.remove());

const take = (args: readonly string[], options: CliOptions = {}) =>
  runCli(['import', source, '--home', home.dir, ...args], options);
const isThere = (file: string) =>
  access(path.join(home.dir, file)).then(
    () => true,
    () => false,
  );

describe('import', () => {
  it('without a terminal and without --yes shows the plan, and changes nothing', async () => {
    const { code, stdout, stderr } = await take([]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const file of FILES) expect(stdout).toContain(`  + ${file}\n`);
    expect(stdout).not.toMatch(/core\/|cpu\.conf|datakit\.conf/);
    expect(stdout).toContain('  + conf.d/pythond/machine.conf:2: env_allow = ["SITE"]\n');
    expect(stdout).toMatch(/\n {6}python\.d\/machine\/disk\.py:15: reads the variable SITE/);
    expect(stdout).toMatch(/\nNothing was changed\. `--yes` does it\.\n$/);
    expect(longest(stdout)).toBeLessThanOrEqual(80);
    expect(await isThere('conf.d')).toBe(false);
  });

  it('as JSON names files, keys with their reasons, and what to see to', async () => {
    const { code, stdout } = await take(['--json']);
    const plan = JSON.parse(stdout);
    expect(code).toBe(0);
    expect(plan).toMatchObject({ source, home: home.dir, done: null });
    expect([...plan.confs, ...plan.scripts]).toEqual(FILES.map((file) => ({ file, state: 'copy' })));
    expect(plan.inputs).toEqual(['machine', 'demo', 'some-python-inputs']);
    const block = { input: 'machine', file: 'conf.d/pythond/machine.conf', line: 2 };
    expect(plan.keys).toEqual([
      expect.objectContaining({ ...block, name: 'env_allow', value: ['SITE'] }),
      expect.objectContaining({ ...block, name: 'scope', value: 'host' }),
      expect.objectContaining({ ...block, name: 'write_paths', value: ['/var/lib/shop'] }),
    ]);
    expect(plan.keys[1].reasons).toEqual([
      { file: 'python.d/machine/disk.py', line: 14, message: expect.stringContaining('(df)') },
    ]);
    expect(plan.seeTo).toEqual([
      expect.stringMatching(/^python\.d\/machine\/shop\.py:13: writes python\.d\/machine\/stamp, beside/),
      expect.stringMatching(/^python\.d\/mytest\/test\.py:1: is called as Python's own module test/),
    ]);
    expect(await isThere('conf.d')).toBe(false);
  });

  it('at a terminal asks, and takes only yes for yes', async () => {
    const { code, stdout } = await take([], { terminal: 80, input: 'n\r' });
    expect(code).toBe(0);
    expect(stdout).toContain('Do this? [y/N]');
    expect(stdout).toMatch(/Nothing was changed/);
    expect(longest(stdout)).toBeLessThanOrEqual(80);
    expect(await isThere('conf.d')).toBe(false);
  });

  it('copies the files, and writes the keys where comments stay', async () => {
    const { code, stdout } = await take([], { terminal: 80, input: 'y\r' });
    expect({ code, stdout }).toMatchObject({ code: 0 });
    expect(stdout).toMatch(/✔ 6 files copied\.\r?\nNext: `pythond check --home/);
    for (const file of FILES.filter((name) => !name.endsWith('machine.conf'))) {
      expect(await readFile(path.join(home.dir, file), 'utf8')).toBe(
        await readFile(path.join(source, file), 'utf8'),
      );
    }
    expect(await isThere('python.d/core')).toBe(false);
    expect(await readFile(path.join(home.dir, 'conf.d/pythond/machine.conf'), 'utf8')).toBe(
      (await readFile(path.join(source, 'conf.d/pythond/machine.conf'), 'utf8')).replace(
        '# machine\n',
        [
          '# machine',
          '\t# python.d/machine/disk.py:15',
          '\tenv_allow = ["SITE"]',
          '\t# python.d/machine/disk.py:14',
          '\tscope = "host"',
          '\t# python.d/machine/shop.py:13',
          '\twrite_paths = ["/var/lib/shop"]\n',
        ].join('\n'),
      ),
    );
  });

  it('what it took over runs, with the variable that it was given', async () => {
    const answer = await check(home.dir, { args: ['Disk', 'Demo', 'MyTest'], env: { SITE: 'berlin' } });
    expect(answer.collectors.map(({ id, outcome }) => [id, outcome])).toEqual([
      ['machine/machine/disk:Disk', 'succeeded'],
      ['demo/Demo/demo:Demo', 'succeeded'],
      ['some-python-inputs/mytest/test:MyTest', 'succeeded'],
    ]);
    expect(answer.collector('machine/machine/disk:Disk').reports[0]?.lineProtocol).toMatch(
      /^disk,host=[^,]+,site=berlin,team=storage used=\d+/,
    );
  });

  it('a second time overwrites nothing: what is the same is told, and what is in the way', async () => {
    await home.write({ 'python.d/machine/disk.py': '# mine\n' });
    const { code, stdout } = await take(['--yes']);
    expect(code).toBe(1);
    expect(stdout).toMatch(/4 files are there already, the same\./);
    expect(stdout).toMatch(/✘ python\.d\/machine\/disk\.py is in the way: the home has another one/);
    expect(stdout).toMatch(/✘ 2 files were in the way\./);
    expect(await readFile(path.join(home.dir, 'python.d/machine/disk.py'), 'utf8')).toBe('# mine\n');
  });

  it.each([['what is no DataKit', '/nowhere/at/all', /has no conf\.d, so it is no installation of DataKit/]])(
    'ends with 2 for %s',
    async (_, from, text) => {
      const { code, stdout, stderr } = await runCli(['import', from, '--home', home.dir]);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).toMatch(text);
    },
  );

  it('ends with 2 for a DataKit that has no pythond block', async () => {
    const none = await makeHome({ 'conf.d/cpu.conf': '[[inputs.cpu]]\n' });
    const { code, stderr } = await runCli(['import', none.dir, '--home', home.dir]);
    await none.remove();
    expect({ code, stderr }).toEqual({
      ...{ code: 2, stderr: expect.stringMatching(/There is nothing to take over: .* has no \[\[inputs/) },
    });
  });
});
