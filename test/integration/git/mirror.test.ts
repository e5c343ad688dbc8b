import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type GitRepo, readGitRepos } from '@pythond/config';
import { GitError, GitMirror, type GitMirrorOptions } from '@pythond/git';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { startTestGit, type TestGit } from '../../support/git-server.ts';
import { treeOf, untilGone } from '../../support/processes.ts';

const never = new AbortController().signal;

async function folder(): Promise<string> {
  const dir = await mkdtemp(path.join(tmpdir(), 'pythond-mirror-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

/** As it would come from a configuration. */
function repoOf(url: string, more: Readonly<Record<string, unknown>> = {}): GitRepo {
  const table = (entries: object) => Object.assign(Object.create(null), entries);
  const raw = table({ repo: [table({ enable: true, url, ...more })] });
  const { repos, problems } = readGitRepos(raw, { file: 'pythond.toml', home: '/' });
  const [repo] = repos;
  if (repo) return repo;
  throw new Error(JSON.stringify(problems));
}

async function mirrorOf(url: string, options: Partial<GitMirrorOptions> = {}): Promise<GitMirror> {
  return new GitMirror({ repo: repoOf(url), dir: await folder(), env: process.env, ...options });
}

const refusal = async (pull: Promise<unknown>): Promise<GitError> => {
  const error = await pull.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (error instanceof GitError) return error;
  throw new Error(`no GitError: ${String(error)}`);
};

async function filesIn(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => path.relative(dir, path.join(entry.parentPath, entry.name)))
    .sort();
}

describe('a mirror of a repository over http', () => {
  let remote: TestGit;
  beforeAll(async () => {
    remote = await startTestGit();
    await remote.commit({ 'conf.d/a.conf': 'one', 'python.d/a/a.py': 'print(1)\n' });
  });
  afterAll(() => remote.remove());

  it('gives the files of the newest commit, and keeps the ones before while a reader may have them', async () => {
    const mirror = await mirrorOf(remote.url);
    expect(await mirror.current()).toBeNull();
    const first = await mirror.pull(never);
    expect(await filesIn(first.dir)).toEqual(['conf.d/a.conf', 'python.d/a/a.py']);
    expect(await mirror.pull(never)).toEqual(first);

    const commit = await remote.commit({ 'conf.d/a.conf': null, 'python.d/a/a.py': 'print(2)\n' });
    const second = await mirror.pull(never);
    expect(second).toMatchObject({ commit, notes: [] });
    expect(await filesIn(second.dir)).toEqual(['python.d/a/a.py']);
    expect(await readFile(path.join(second.dir, 'python.d/a/a.py'), 'utf8')).toBe('print(2)\n');
    expect(await filesIn(first.dir)).toHaveLength(2);
    expect(await mirror.current()).toEqual(second);

    // a history that was written anew
    remote.git('commit', '--quiet', '--amend', '-m', 'anew');
    remote.git('push', '--quiet', '--force', remote.bare, 'HEAD:refs/heads/master');
    const third = await mirror.pull(never);
    expect(third.commit).not.toBe(commit);
    expect(await lstat(first.dir).catch(() => null)).toBeNull();
  });

  it('goes on with what it has when the remote is away, and says why without a secret', async () => {
    const dir = await folder();
    const secret = remote.url.replace('http://', 'http://me:hunter2@');
    const mirror = new GitMirror({ repo: repoOf(secret), dir, env: process.env });
    const version = await mirror.pull(never);
    await remote.close();
    const error = await refusal(mirror.pull(never));
    await remote.listen();
    expect(error.code).toBe('git-unreachable');
    expect(error.message).toContain(remote.url);
    expect(error.message).not.toContain('hunter2');
    expect(await mirror.current()).toEqual(version);
    const again = new GitMirror({ repo: repoOf(secret), dir, env: process.env });
    expect(await again.current()).toEqual(version);
    for (const file of await filesIn(dir)) {
      expect(await readFile(path.join(dir, file), 'latin1')).not.toContain('hunter2');
    }
  });

  it('takes nothing of another branch or remote for its own', async () => {
    const dir = await folder();
    await new GitMirror({ repo: repoOf(remote.url), dir, env: process.env }).pull(never);
    const other = repoOf(remote.url, { branch: 'other' });
    const mirror = new GitMirror({ repo: other, dir, env: process.env });
    expect(await mirror.current()).toBeNull();
    const error = await refusal(mirror.pull(never));
    expect(error).toMatchObject({ code: 'git-no-branch' });
  });

  it('refuses what is larger than allowed, packed or unpacked', async () => {
    const noise = Array.from({ length: 4_000 }, (_, i) => Math.sin(i)).join('\n');
    await remote.commit({ 'data.txt': noise });
    const packed = await mirrorOf(remote.url, { limits: { maxPackBytes: 8 * 1024 } });
    expect(await refusal(packed.pull(never))).toMatchObject({ code: 'git-too-large' });
    const unpacked = await mirrorOf(remote.url, { limits: { maxBytes: 1024 } });
    expect(await refusal(unpacked.pull(never))).toMatchObject({ code: 'git-too-large' });
    const many = await mirrorOf(remote.url, { limits: { maxFiles: 1 } });
    expect(await refusal(many.pull(never))).toMatchObject({ code: 'git-too-large' });
    const one = await mirrorOf(remote.url, { limits: { maxFileBytes: 1024 } });
    const version = await one.pull(never);
    expect(version.notes).toEqual(['data.txt is larger than 1024 bytes']);
    expect(await filesIn(version.dir)).not.toContain('data.txt');
  });

  it('ends a fetch that takes too long, with every process of it', async () => {
    const silent = createServer(() => undefined); // takes the request and never answers
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    onTestFinished(() => {
      silent.closeAllConnections();
      silent.close();
    });
    const { port } = silent.address() as AddressInfo;
    const mirror = await mirrorOf(`http://127.0.0.1:${port}/shop.git`, { fetchTimeoutMs: 3_000 });
    const asked = once(silent, 'request');
    const pulling = refusal(mirror.pull(never));
    await asked;
    const started = treeOf(process.pid).filter(({ name }) => name.startsWith('git'));
    expect(started.length).toBeGreaterThan(0);
    expect(await pulling).toMatchObject({ code: 'git-unreachable' });
    await untilGone(started);
  });
});

describe('a repository that wants a password', () => {
  it('gets the one of the URL, and refuses another', async () => {
    const remote = await startTestGit({ credentials: 'me:hunter/2' });
    onTestFinished(() => remote.remove());
    await remote.commit({ 'a.txt': 'a' });
    const right = await mirrorOf(remote.url.replace('http://', 'http://me:hunter%2F2@'));
    expect((await right.pull(never)).notes).toEqual([]);
    for (const user of ['', 'me:wr0ng@', 'me@']) {
      const mirror = await mirrorOf(remote.url.replace('http://', `http://${user}`));
      const error = await refusal(mirror.pull(never));
      expect(error.code).toBe('git-refused');
      expect(error.message).not.toContain('wr0ng');
    }
  });
});

/** Makes certificates for the test alone; without it there is no way to have one. */
const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

describe('a repository over https', () => {
  it.skipIf(!hasOpenssl)('is read when its certificate can be checked, and not otherwise', async () => {
    const dir = await folder();
    const [key, cert] = [path.join(dir, 'key.pem'), path.join(dir, 'cert.pem')];
    const config = path.join(dir, 'openssl.cnf'); // a machine need not have one
    await writeFile(config, '[req]\ndistinguished_name = name\n[name]\n');
    execFileSync(
      'openssl',
      [
        ...[
          'req',
          '-config',
          config,
          '-x509',
          '-newkey',
          'rsa:2048',
          '-nodes',
          '-days',
          '2',
          '-subj',
          '/CN=127.0.0.1',
        ],
        ...['-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert],
      ],
      { stdio: 'pipe' },
    );
    const tls = { key: await readFile(key, 'utf8'), cert: await readFile(cert, 'utf8') };
    const remote = await startTestGit({ tls });
    onTestFinished(() => remote.remove());
    await remote.commit({ 'a.txt': 'a' });
    const env = { PATH: process.env['PATH'], GIT_SSL_NO_VERIFY: '1' };
    const error = await refusal((await mirrorOf(remote.url, { env })).pull(never));
    expect(error.code).toBe('git-refused');
    expect(error.message).toContain('SSL_CERT_FILE');
    expect(remote.requests()).toBe(0);
    const trusting = await mirrorOf(remote.url, { env: { ...env, SSL_CERT_FILE: cert } });
    expect(await filesIn((await trusting.pull(never)).dir)).toEqual(['a.txt']);
  });
});

describe('what is in a repository', () => {
  it('makes nothing happen: no hook, filter, submodule or link out', async () => {
    const remote = await startTestGit();
    onTestFinished(() => remote.remove());
    const dir = await folder();
    const marker = path.join(dir, 'it-happened');
    const evil = `#!/bin/sh\ntouch ${marker}\n`;
    await remote.commit({
      '.gitattributes': '*.py filter=evil ident eol=crlf export-subst\nhidden.py export-ignore\n',
      '.gitmodules':
        '[submodule "sub"]\n\tpath = sub\n\turl = ext::sh -c "touch /tmp/x"\n\tupdate = !touch x\n',
      '.lfsconfig': '[lfs]\nurl = http://127.0.0.1:1/\n',
      'hooks/post-checkout': evil,
      'python.d/a/a.py': '$Id$ $Format:%H$\nline\n',
      'python.d/a/hidden.py': 'x',
      'python.d/a/big.py': 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n',
      'deep/er/x.txt': 'x',
    });
    await makeLinks(remote.work, {
      'python.d/a/inside.py': 'a.py',
      'python.d/b': 'a',
      'python.d/passwd': '/etc/passwd',
      'python.d/up': '../../../../../../etc/passwd',
      'python.d/out': '../..',
      // as it is written it stays inside; but `up` leads to a folder at the top, and two more up lead out
      'deep/er/up': '../../python.d',
      'python.d/chain': '../deep/er/up/../../..',
      'python.d/nowhere': 'not-there',
      'python.d/through': 'nowhere/x',
    });
    const other = remote.git('rev-parse', 'HEAD').trim();
    remote.git('add', '--all');
    remote.git('update-index', '--add', '--cacheinfo', `160000,${other},sub`);
    remote.push();

    const mirror = new GitMirror({ repo: repoOf(remote.url), dir, env: process.env });
    // hooks in the mirror's own repository: these do run on a fetch, where they are not turned off
    const hooks = path.join(dir, 'shop.fleet/repo.git/hooks');
    await mkdir(hooks, { recursive: true });
    for (const hook of ['reference-transaction', 'post-checkout', 'post-merge', 'pre-auto-gc']) {
      await writeFile(path.join(hooks, hook), evil, { mode: 0o755 });
    }
    const version = await mirror.pull(never);

    expect(await lstat(marker).catch(() => null)).toBeNull();
    expect(await readFile(path.join(version.dir, 'python.d/a/a.py'), 'utf8')).toBe(
      '$Id$ $Format:%H$\nline\n',
    );
    expect(await filesIn(path.join(version.dir, 'python.d'))).toEqual([
      ...['a/a.py', 'a/big.py', 'a/hidden.py', 'a/inside.py', 'b'],
    ]);
    expect(await readlink(path.join(version.dir, 'python.d/a/inside.py'))).toBe('a.py');
    expect(await lstat(path.join(version.dir, 'sub')).catch(() => null)).toBeNull();
    const said = [...version.notes].sort();
    expect(said).toEqual(
      [
        'python.d/a/big.py is in Git LFS, which is not fetched',
        'python.d/chain is a link that leads out of the repository, or nowhere',
        'python.d/nowhere is a link that leads out of the repository, or nowhere',
        'python.d/out is a link that leads out of the repository',
        'python.d/passwd is a link that leads out of the repository',
        'python.d/through is a link that leads out of the repository, or nowhere',
        'python.d/up is a link that leads out of the repository',
        'sub is a submodule, which is not fetched',
      ].sort(),
    );
  });

  it('is not read from this machine unless that was allowed', async () => {
    const remote = await startTestGit();
    onTestFinished(() => remote.remove());
    await remote.commit({ 'a.txt': 'a' });
    const allowed = repoOf(remote.bare, { allow_local: true });
    const mirror = new GitMirror({ repo: allowed, dir: await folder(), env: process.env });
    expect(await filesIn((await mirror.pull(never)).dir)).toEqual(['a.txt']);
    const sneaked = { ...allowed, isLocal: false, url: `file://${remote.bare}` };
    const other = new GitMirror({ repo: sneaked, dir: await folder(), env: process.env });
    expect(await refusal(other.pull(never))).toMatchObject({ code: 'git-refused' });
  });

  it('can have no name that leaves its folder', async () => {
    const remote = await startTestGit();
    onTestFinished(() => remote.remove());
    await remote.commit({ 'a.txt': 'a' });
    const blob = remote.git('rev-parse', 'HEAD:a.txt').trim();
    // git itself would not add these, but a server can hold them
    const tree = (entries: string) =>
      execFileSync('git', ['hash-object', '-w', '-t', 'tree', '--literally', '--stdin'], {
        ...{ cwd: remote.work, encoding: 'utf8' as const },
        input: Buffer.concat(
          entries
            .split(' ')
            .map((name) => Buffer.concat([Buffer.from(`100644 ${name}\0`), Buffer.from(blob, 'hex')])),
        ),
      }).trim();
    const commit = remote.git('commit-tree', '-m', 'evil', tree('.. .git GIT~1 good.txt x\ny')).trim();
    remote.git('push', '--quiet', '--force', remote.bare, `${commit}:refs/heads/master`);
    const version = await (await mirrorOf(remote.url)).pull(never);
    expect(await filesIn(version.dir)).toEqual(['good.txt']);
    expect(version.notes).toHaveLength(4);
  });
});

async function makeLinks(root: string, links: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, target] of Object.entries(links)) {
    await mkdir(path.dirname(path.join(root, name)), { recursive: true });
    await symlink(target, path.join(root, name));
  }
}
