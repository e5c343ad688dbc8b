import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expandEnvs, formatProblem, readInputs, readSettings } from '@pythond/config';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

let home: string;
let fifo: string;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'pythond-fifo-'));
  fifo = join(home, 'secrets/fifo');
  await mkdir(join(home, 'conf.d'));
  await mkdir(join(home, 'secrets'));
  await writeFile(
    join(home, 'conf.d/good.conf'),
    '[[inputs.pythond]]\nname = "good"\ncmd = "python3"\ndirs = ["Demo"]\n',
  );
  execFileSync('mkfifo', [fifo]);
});

afterEach(() => rm(home, { recursive: true, force: true }));

describe('a FIFO, which nobody writes to,', () => {
  it.each([
    ['itself', (path: string) => execFileSync('mkfifo', [path])],
    ['behind a link', (path: string) => symlink(fifo, path)],
  ])('in conf.d, %s, is told and not waited for', async (_, make) => {
    await make(join(home, 'conf.d/bad.conf'));
    const { inputs, problems } = await readInputs({ home, env: {} });
    expect(inputs.map(({ key }) => key)).toEqual(['good']);
    expect(problems.map(formatProblem)).toEqual([
      'conf.d/bad.conf: the file is a FIFO, not a regular file; move it elsewhere',
    ]);
  });

  it('in place of pythond.toml is told and not waited for', async () => {
    await symlink(fifo, join(home, 'pythond.toml'));
    const { settings, problems } = await readSettings({ home, env: {} });
    expect(settings).toBeNull();
    expect(problems.map(formatProblem)).toEqual([
      'pythond.toml: the file is a FIFO, not a regular file; move it elsewhere',
    ]);
  });

  it('in place of a secret is told and not waited for', async () => {
    const { environment, problems } = await expandEnvs({
      ...{ envs: [`A=file://${fifo}`], envAllow: [], env: {}, secretsDirs: [join(home, 'secrets')] },
    });
    expect(environment).toEqual({});
    expect(problems.map(formatProblem)).toEqual([
      `A in envs names ${fifo}, which can't be read: it is no regular file`,
    ]);
  });
});
