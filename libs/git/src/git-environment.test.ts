import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { GitRepo } from '@pythond/config';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { gitEnvironment } from './git-environment.ts';

const repo: GitRepo = {
  ...{ name: 'shop', url: 'git@git.example.com:team/shop.git', credentials: null, branch: 'master' },
  ...{ sshKeyPath: null, sshKeyPassword: null, sshKnownHostsPath: null, isLocal: false },
};

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'pythond-git-env-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const of = (more: Partial<GitRepo>, env: Record<string, string> = {}) =>
  gitEnvironment({ repo: { ...repo, ...more }, folder, env: { PATH: process.env['PATH'], ...env } });

describe('the environment of git', () => {
  it('takes over nothing but where programs, proxies and certificates are', async () => {
    const environment = await of(
      {},
      { REDIS_URL: 'redis://:hunter2@h', GIT_SSL_NO_VERIFY: '1', GIT_DIR: '/x', https_proxy: 'http://p' },
    );
    expect(environment).toMatchObject({ https_proxy: 'http://p', GIT_TERMINAL_PROMPT: '0' });
    expect(JSON.stringify(environment)).not.toContain('hunter2');
    expect(environment).not.toHaveProperty('GIT_SSL_NO_VERIFY');
    expect(environment).not.toHaveProperty('GIT_DIR');
    expect(environment['GIT_ALLOW_PROTOCOL']).toBe('https:http:ssh');
  });

  it('makes ssh check the host key and use the key that was named, whatever its path', async () => {
    const sshKeyPath = "/keys/o'neill $(touch x)/id";
    const { GIT_SSH_COMMAND = '' } = await of({ sshKeyPath, sshKnownHostsPath: '/etc/my hosts' });
    const shown = execFileSync('/bin/sh', ['-c', `set -- ${GIT_SSH_COMMAND}; printf '%s\\n' "$@"`], {
      encoding: 'utf8',
    });
    const words = shown.trim().split('\n');
    expect(words).toContain('StrictHostKeyChecking=yes');
    expect(words).toContain('BatchMode=yes');
    expect(words).toContain('UserKnownHostsFile="/etc/my hosts"');
    expect(words.slice(-2)).toEqual(['-i', sshKeyPath]);
  });

  it("answers for the password of a key, and keeps it out of ssh's command", async () => {
    const environment = await of({ sshKeyPath: '/k', sshKeyPassword: "hunter'2" });
    expect(environment['GIT_SSH_COMMAND']).not.toContain('hunter');
    expect(environment['GIT_SSH_COMMAND']).not.toContain('BatchMode');
    expect(ask(environment, 'SSH_ASKPASS', "Enter passphrase for key '/k': ")).toBe("hunter'2\n");
  });

  it('answers for user and password of the host of the URL, and of no other', async () => {
    const environment = await of({
      url: 'https://git.example.com:8443/team/shop.git',
      credentials: { user: 'me', password: 'pass word' },
    });
    const answer = (prompt: string) => ask(environment, 'GIT_ASKPASS', prompt);
    expect(answer("Username for 'https://git.example.com:8443': ")).toBe('me\n');
    expect(answer("Password for 'https://me@git.example.com:8443': ")).toBe('pass word\n');
    for (const other of [
      'https://evil.example',
      'https://git.example.com:8443.evil',
      'https://git.example.com',
    ])
      expect(answer(`Password for '${other}': `)).toBe('');
  });
});

function ask(environment: Record<string, string>, variable: string, prompt: string): string {
  try {
    return execFileSync(environment[variable] ?? '', [prompt], { env: environment, encoding: 'utf8' });
  } catch {
    return '';
  }
}
