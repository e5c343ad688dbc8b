import { describe, expect, it } from 'vitest';
import { readGitRepos } from './git-repos.ts';
import { parseToml } from './parse-toml.ts';
import { formatProblem } from './problem.ts';

function read(toml: string) {
  const parsed = parseToml(toml);
  if (!parsed.ok) throw new Error(parsed.reason);
  const found = readGitRepos(parsed.table['git_repos'] ?? null, { file: 'pythond.toml', home: '/home' });
  return { ...found, texts: found.problems.map(formatProblem) };
}

const repo = (lines: string) => `[git_repos]\n[[git_repos.repo]]\nenable = true\n${lines}\n`;
const url = (text: string) => read(repo(`url = ${JSON.stringify(text)}`));

describe('[git_repos]', () => {
  it("takes DataKit's own keys and defaults", () => {
    const { repos, pullIntervalMs, texts } = read(
      repo(
        'url = "git@github.com:team/shop.git"\nssh_private_key_path = "keys/id"\nssh_private_key_password = "pw"',
      ),
    );
    expect(texts).toEqual([]);
    expect(pullIntervalMs).toBe(60_000);
    expect(repos).toEqual([
      {
        ...{ name: 'shop', url: 'git@github.com:team/shop.git', credentials: null, branch: 'master' },
        ...{ sshKeyPath: '/home/keys/id', sshKeyPassword: 'pw', sshKnownHostsPath: null, isLocal: false },
      },
    ]);
  });

  it('is off where there is none, and where no repo is enabled, whatever else stands there', () => {
    expect(readGitRepos(null, { file: 'x', home: '/' }).repos).toEqual([]);
    const sample = read(
      '[git_repos]\npull_interval = "1m"\n[[git_repos.repo]]\nenable = false\nurl = ""\nbranch = "master"\n',
    );
    expect(sample).toMatchObject({ repos: [], texts: [] });
    expect(
      read('[git_repos]\nenable = false\n[[git_repos.repo]]\nenable = true\nurl = "https://h/a"\n').repos,
    ).toEqual([]);
  });

  it.each([
    ['https://git.example.com/team/shop.git', 'shop'],
    ['https://git.example.com:8443/team/shop', 'shop'],
    ['ssh://git@git.example.com:2222/team/shop.git', 'shop'],
    ['git@[::1]:team/shop.git', 'shop'],
  ])('reads %s', (text, name) => {
    expect(url(text)).toMatchObject({ repos: [{ name, url: text }], texts: [] });
  });

  it('takes user and password out of a URL', () => {
    const { repos, texts } = url('https://me:hunter%402@git.example.com/team/shop.git');
    expect(repos).toMatchObject([
      { url: 'https://git.example.com/team/shop.git', credentials: { user: 'me', password: 'hunter@2' } },
    ]);
    expect(texts).toEqual([]);
    expect(url('https://me:100%@git.example.com/shop.git').repos[0]?.credentials?.password).toBe('100%');
  });

  it.each([
    "ext::sh -c 'touch /tmp/x'",
    'ext::sh%20-c',
    'fd::17',
    '--upload-pack=touch',
    '-oProxyCommand=x@h:y',
    'git://h/a.git',
    'ftp://h/a.git',
    'https://',
    'ssh://-oProxyCommand=x/y',
    'ssh://git:hunter2@h/a.git',
    'https://me:hunter2@h/..',
    'https://h/a b.git',
    'not a url',
    '\u0000',
  ])('refuses %j', (text) => {
    const { repos, texts } = url(text);
    expect(repos).toEqual([]);
    expect(texts).toHaveLength(1);
    expect(texts.join()).not.toContain('hunter2');
  });

  it('uses a path of this machine only where that is allowed, and plain http with a warning', () => {
    expect(url('/srv/git/shop.git').texts).toEqual([
      'pythond.toml: git_repos.repo 1 has a url that is a path of this machine; set allow_local = true if that is meant',
    ]);
    expect(url('file:///srv/git/shop.git').repos).toEqual([]);
    expect(read(repo('url = "file:///srv/git/shop.git"\nallow_local = true')).repos).toHaveLength(1);
    const plain = url('http://me:hunter2@h/a.git');
    expect(plain.repos).toHaveLength(1);
    expect(plain.texts).toEqual([
      'pythond.toml: warning: git_repos.repo 1 is read over plain http (http://h/a.git): whoever is on the way can change the code; write https://',
    ]);
  });

  it.each(['-x', 'a..b', 'a b', 'refs/heads/a:refs/heads/b', 'a.lock', 'a/', '@{1}', 'a*'])(
    'refuses the branch %j',
    (branch) => {
      expect(read(repo(`url = "https://h/a"\nbranch = ${JSON.stringify(branch)}`)).repos).toEqual([]);
    },
  );

  it('leaves out what is wrong, and keeps the others', () => {
    const { repos, texts } = read(
      '[git_repos]\npull_interval = "soon"\nx = 1\n' +
        '[[git_repos.repo]]\nenable = true\nurl = 5\n' +
        '[[git_repos.repo]]\nenable = true\n' +
        '[[git_repos.repo]]\nenable = true\nurl = "https://h/a.git"\n' +
        '[[git_repos.repo]]\nenable = true\nurl = "https://other/A.git"\n',
    );
    expect(repos.map(({ name }) => name)).toEqual(['a']);
    expect(texts).toHaveLength(5);
  });
});
