import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { check } from '../support/check.ts';
import { runCli } from '../support/cli.ts';
import { block, makeHome, type TestHome } from '../support/home.ts';

vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

const FILES = ['python.d/disk_usage/disk_usage.py', 'conf.d/disk_usage.conf', 'tests/test_disk_usage.py'];
const run = promisify(execFile);

describe('new', () => {
  let home: TestHome;
  beforeAll(async () => {
    home = await makeHome({ 'conf.d/shop.conf': block('Shop', ['shop']) });
  });
  afterAll(() => home?.remove());
  const make = (name: string, ...args: string[]) => runCli(['new', name, '--home', home.dir, ...args]);

  it.each([
    ['disk-usage', /not "disk-usage"; disk_usage, for one/],
    ['../up', /not "\.\.\/up"; up, for one/],
    ['class', /means something else in Python/],
    ['shop', /There is an input of that name: conf\.d\/shop\.conf:1/],
    ['test', /Python has a module test of its own/],
  ])('refuses %s, and writes nothing', async (name, text) => {
    const { code, stdout, stderr } = await make(name);
    expect({ code, stdout, stderr }).toEqual({ code: 2, stdout: '', stderr: expect.stringMatching(text) });
    expect(await readdir(home.dir)).toEqual(['conf.d']);
  });

  it('makes a collector, its block and a test, and says how to run each', async () => {
    const { code, stdout, stderr } = await runCli(['new', 'disk_usage', '--home', home.dir], {});
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const file of FILES) expect(stdout).toContain(`✔ ${file}\n`);
    expect(stdout).toContain(`  pythond check disk_usage --home ${home.dir}\n`);
    expect(stdout).toContain(`  python3 ${home.dir}/tests/test_disk_usage.py\n`);
    for (const file of FILES)
      expect(await readFile(path.join(home.dir, file), 'utf8')).not.toMatch(/sample.?name|path\/of/i);
  });

  it('its collector passes check, and its test passes in the Python of this machine', async () => {
    const { code, collector } = await check(home.dir, { args: ['disk_usage'] });
    expect(code).toBe(0);
    const checked = collector('disk_usage/disk_usage/disk_usage:DiskUsage');
    expect(checked).toMatchObject({ outcome: 'succeeded', stdout: 'run 1\n', warnings: [] });
    expect(checked.reports[0]?.lineProtocol).toMatch(/^disk_usage,source=disk_usage runs=1/);
    const { stderr } = await run('python3', [path.join(home.dir, 'tests/test_disk_usage.py')]);
    expect(stderr).toMatch(/Ran 2 tests .*\n\nOK\n$/s);
  });

  it('overwrites nothing', async () => {
    await home.write({ 'tests/test_other.py': '# mine\n' });
    const { code, stderr } = await make('other', '--json');
    expect({ code, stderr }).toEqual({
      ...{
        code: 2,
        stderr: expect.stringMatching(/tests\/test_other\.py of .* would be overwritten; nothing/),
      },
    });
    expect(await readdir(path.join(home.dir, 'python.d'))).toEqual(['disk_usage']);
  });

  it('as JSON tells the id and the files', async () => {
    const { code, stdout } = await make('web2', '--json');
    expect({ code, ...JSON.parse(stdout) }).toEqual({
      ...{ code: 0, home: home.dir, collector: 'web2/web2/web2:Web2' },
      files: ['python.d/web2/web2.py', 'conf.d/web2.conf', 'tests/test_web2.py'],
    });
  });
});
