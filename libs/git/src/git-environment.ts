import { chmod, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { GitRepo } from '@pythond/config';

/** What git may take over from the scheduler's own environment: where programs, proxies, certificates and agents are. */
const TAKEN = [
  ...['PATH', 'SSH_AUTH_SOCK', 'SSL_CERT_FILE', 'SSL_CERT_DIR', 'GIT_SSL_CAINFO', 'GIT_SSL_CAPATH'],
  ...['http_proxy', 'https_proxy', 'no_proxy', 'all_proxy', 'HTTPS_PROXY', 'NO_PROXY', 'ALL_PROXY'],
];

/**
 * Answers what git and ssh ask for: passwords are in its environment, never in an argument. It answers for the host of
 * the URL alone, wherever a redirect may lead.
 */
const ASKPASS = `#!/bin/sh
case "$1" in
  *passphrase*) printf '%s\\n' "$PYTHOND_GIT_PASSPHRASE"; exit ;;
esac
case "$1" in
  *"//$PYTHOND_GIT_HOST'"* | *"@$PYTHOND_GIT_HOST'"*) ;;
  *) exit 1 ;;
esac
case "$1" in
  Username*) printf '%s\\n' "$PYTHOND_GIT_USER" ;;
  *) printf '%s\\n' "$PYTHOND_GIT_PASSWORD" ;;
esac
`;

export interface GitEnvironmentOptions {
  readonly repo: GitRepo;
  /** A private folder: git's home, and where the askpass program is put. */
  readonly folder: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Everything that git is told by its environment (git(1), ssh_config(5)); writes the askpass program. */
export async function gitEnvironment({
  repo,
  folder,
  env,
}: GitEnvironmentOptions): Promise<Record<string, string>> {
  const askpass = path.join(folder, 'askpass');
  await writeFile(askpass, ASKPASS, { mode: 0o700 });
  await chmod(askpass, 0o700);
  const taken = TAKEN.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]] as const]));
  return {
    ...certificates(env),
    ...Object.fromEntries(taken),
    ...{ HOME: folder, XDG_CONFIG_HOME: folder, LANG: 'C', LC_ALL: 'C' },
    ...{ GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_SYSTEM: '/dev/null', GIT_CONFIG_GLOBAL: '/dev/null' },
    ...{ GIT_ATTR_NOSYSTEM: '1', GIT_NO_REPLACE_OBJECTS: '1', GIT_NO_LAZY_FETCH: '1' },
    ...{ GIT_TERMINAL_PROMPT: '0', GIT_OPTIONAL_LOCKS: '0', GIT_PROTOCOL_FROM_USER: '0' },
    GIT_ALLOW_PROTOCOL: repo.isLocal ? 'file' : 'https:http:ssh',
    GIT_SSH_VARIANT: 'ssh',
    GIT_SSH_COMMAND: sshCommand(repo),
    ...answers(repo, askpass),
  };
}

/** Where git is built with GnuTLS (Debian, Ubuntu), it does not look at OpenSSL's own variables. */
function certificates(env: GitEnvironmentOptions['env']): Record<string, string> {
  const { SSL_CERT_FILE: file, SSL_CERT_DIR: folder } = env;
  return { ...(file ? { GIT_SSL_CAINFO: file } : {}), ...(folder ? { GIT_SSL_CAPATH: folder } : {}) };
}

function answers({ credentials, sshKeyPassword, url }: GitRepo, askpass: string): Record<string, string> {
  if (credentials !== null) {
    return {
      GIT_ASKPASS: askpass,
      PYTHOND_GIT_HOST: new URL(url).host,
      PYTHOND_GIT_USER: credentials.user,
      PYTHOND_GIT_PASSWORD: credentials.password,
    };
  }
  if (sshKeyPassword === null) return {};
  // older versions of ssh ask a program only where there is a display
  return {
    ...{ SSH_ASKPASS: askpass, SSH_ASKPASS_REQUIRE: 'force', DISPLAY: 'none' },
    PYTHOND_GIT_PASSPHRASE: sshKeyPassword,
  };
}

/** Host keys are always checked, and nothing is asked of anybody who sits at a terminal. */
function sshCommand({ sshKeyPath, sshKeyPassword, sshKnownHostsPath }: GitRepo): string {
  const options = [
    'StrictHostKeyChecking=yes',
    'PasswordAuthentication=no',
    'KbdInteractiveAuthentication=no',
    // in batch mode ssh would not ask for the password of a key either
    ...(sshKeyPassword === null ? ['BatchMode=yes'] : []),
    ...['PermitLocalCommand=no', 'ForwardAgent=no', 'ForwardX11=no'],
    ...['ConnectTimeout=15', 'ServerAliveInterval=15', 'ServerAliveCountMax=2'],
    ...(sshKeyPath === null ? [] : ['IdentitiesOnly=yes']),
    ...(sshKnownHostsPath === null ? [] : [`UserKnownHostsFile=${sshQuoted(sshKnownHostsPath)}`]),
  ];
  const words = ['ssh', ...options.flatMap((option) => ['-o', option])];
  if (sshKeyPath !== null) words.push('-i', sshKeyPath);
  return words.map(shellQuoted).join(' ');
}

function shellQuoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

/** A path with spaces in an option of ssh; it has no way to write quotation marks, and `%` stands for tokens. */
function sshQuoted(text: string): string {
  return `"${text.replaceAll('%', '%%')}"`;
}
