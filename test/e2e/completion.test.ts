import { execFile } from 'node:child_process';
import { access } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, vi } from 'vitest';
import { runCli } from '../support/cli.ts';

vi.setConfig({ testTimeout: 300_000 });

describe('completion', () => {
  const run = promisify(execFile);
  const PRINT = ['echo "$', '{COMPREPLY[*]}"'].join('');
  const complete = async (script: string, ...words: string[]) => {
    const lines = [script, `COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')})`];
    lines.push(`COMP_CWORD=${words.length - 1}`, '_pythond', PRINT);
    const { stdout } = await run('bash', ['--norc', '-uc', lines.join('\n')]);
    return stdout.trim().split(' ');
  };

  it('in bash gives commands, sub-commands and options', async () => {
    const { code, stdout: script } = await runCli(['completion', 'bash']);
    expect(code).toBe(0);
    expect(await complete(script, 'pythond', 'do')).toEqual(['doctor']);
    expect(await complete(script, 'pythond', 'dead', 're')).toEqual(['replay']);
    expect(await complete(script, 'pythond', 'dead', 'replay', 'abc', '--co')).toEqual(['--collector']);
    expect(await complete(script, 'pythond', '')).toEqual(
      expect.arrayContaining(['up', 'status', 'rollout']),
    );
    expect(await complete(script, 'pythond', 'ls', 'x', '--f')).toEqual(['']);
  });

  it.each(['zsh', 'fish'])('in %s is a script that the shell takes, where it is installed', async (shell) => {
    const { code, stdout: script } = await runCli(['completion', shell]);
    expect(code).toBe(0);
    for (const text of ['replay', 'rollout promote']) expect(script).toContain(text);
    expect(script).not.toMatch(/@[A-Z]+@/);
    const program = path.join('/usr/bin', shell);
    const isThere = await access(program).then(
      () => true,
      () => false,
    );
    if (isThere) await run(program, ['-n', '-c', script]);
  });

  it('of a shell that it does not know ends with 2', async () => {
    const { code, stderr } = await runCli(['completion', 'tcsh']);
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringContaining('Allowed choices are bash, zsh, fish'),
    });
  });
});
