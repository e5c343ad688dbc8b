// The image of the containers: this clone as it is built, on the programs of PYTHOND_TEST_IMAGE, or else of this machine,
// so that no registry is needed. Of the machine's settings only names of libraries and certificates get into it.
//
//   DOCKER_HOST=… node test/sandbox/container/image.mjs      makes it, and prints its id
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { docker, dockerOutput } from './engine.mjs';

const repository = path.resolve(fileURLToPath(import.meta.url), '../../../..');
/** Where the clone is in the image. */
export const PROJECT = '/opt/pythond';

const LINKS = ['bin', 'sbin', 'lib', 'lib32', 'lib64'];
const PROGRAMS = ['usr/bin', 'usr/sbin', 'usr/lib64', 'usr/share/zoneinfo', 'usr/share/ca-certificates'];
const LIBRARIES = /^(python3.*|ld-.*|.*-linux-gnu|locale|ssl|terminfo|git-core|openssh)$/;
const SETTINGS = [
  ...['etc/alternatives', 'etc/ld.so.conf', 'etc/ld.so.conf.d', 'etc/ld.so.cache'],
  ...['etc/ssl/certs', 'etc/ssl/openssl.cnf', 'etc/pki/ca-trust', 'etc/pki/tls/certs'],
];
const MADE = {
  'etc/passwd': 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n',
  'etc/group': 'root:x:0:\nnogroup:x:65534:\n',
  'etc/shadow': 'root:!:19000:0:99999:7:::\n',
  'etc/nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files dns\n',
  'etc/services': 'http 80/tcp\nhttps 443/tcp\n',
  'etc/protocols': 'tcp 6 TCP\nudp 17 UDP\n',
  'etc/os-release': 'ID=pythond-test\n',
  'root/.profile': '# of root alone\n',
};
const FOLDERS = [
  'dev',
  'proc',
  'sys',
  'run',
  'tmp',
  'var/tmp',
  'var/log',
  'home',
  'etc/cron.d',
  'usr/local/bin',
];
const MODES = { 'etc/shadow': 0o640, root: 0o700, tmp: 0o1777, 'var/tmp': 0o1777 };

let made;

/** The id of the image; made when it is first asked for. */
export function testImage() {
  made ??= makeImage();
  return made;
}

async function makeImage() {
  const base = process.env.PYTHOND_TEST_IMAGE ?? (await baseOfThisMachine());
  const folder = mkdtempSync(path.join(tmpdir(), 'pythond-image-'));
  try {
    writeFileSync(path.join(folder, 'Dockerfile'), `FROM ${base}\nCOPY . ${PROJECT}\n`);
    const parts = ['apps', 'libs', 'python.d', 'conf.d', 'test', 'package.json'];
    const content = [
      ['--hard-dereference', '-C', folder, 'Dockerfile'],
      ['-C', repository, ...parts, ...(await packages())],
    ];
    const words = ['build', '--quiet', '--label', 'pythond-test', '--tag', 'pythond-test', '-'];
    return await dockerWithTar(words, content);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What the commands need of node_modules. */
async function packages() {
  const listed = await outputOf('npm', ['ls', '--omit=dev', '--all', '--parseable']);
  const folders = listed.split('\n').map((folder) => path.relative(repository, folder));
  const isTop = (folder) => /^node_modules\/(@[^/]+\/)?[^/]+$/.test(folder); // a folder brings those below it along
  return folders.filter(isTop);
}

async function baseOfThisMachine() {
  const libraries = readdirSync('/usr/lib').filter((name) => LIBRARIES.test(name));
  const wanted = [...LINKS, ...PROGRAMS, ...SETTINGS, ...libraries.map((name) => `usr/lib/${name}`)];
  const parts = wanted.filter((part) => existsSync(`/${part}`));
  const state = parts.map((part) => [part, statSync(`/${part}`).mtimeMs]);
  const hash = createHash('sha256')
    .update(JSON.stringify([state, process.version, MADE, FOLDERS, MODES]))
    .digest('hex');
  const tag = `pythond-test-base:${hash.slice(0, 12)}`;
  if ((await docker(['image', 'inspect', tag])).code === 0) return tag;
  const folder = madeFolder();
  try {
    const content = [
      ['-C', '/', ...parts],
      ['-C', folder, ...readdirSync(folder)],
    ];
    await dockerWithTar(['import', '-', tag], content);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return tag;
}

function madeFolder() {
  const folder = mkdtempSync(path.join(tmpdir(), 'pythond-image-'));
  for (const name of FOLDERS) mkdirSync(path.join(folder, name), { recursive: true });
  for (const [name, text] of Object.entries(MADE)) {
    mkdirSync(path.join(folder, path.dirname(name)), { recursive: true });
    writeFileSync(path.join(folder, name), text);
  }
  const isAmongPrograms = process.execPath.startsWith('/usr/bin/');
  if (!isAmongPrograms) copyFileSync(process.execPath, path.join(folder, 'usr/local/bin/node'));
  for (const [name, mode] of Object.entries(MODES)) chmodSync(path.join(folder, name), mode);
  return folder;
}

/** Runs `docker …` with a tar on its standard input, everything root's own in it; gives what it printed. */
async function dockerWithTar(words, content) {
  const owner = ['--owner=0', '--group=0', '--numeric-owner'];
  const options = ['--create', ...owner, '--ignore-failed-read'];
  const tar = spawn('tar', [...options, ...content.flat()], { stdio: ['ignore', 'pipe', 'ignore'] });
  const ended = once(tar, 'close');
  const output = await dockerOutput(words, { input: tar.stdout });
  const [code] = await ended;
  if (code > 1) throw new Error(`tar ended with ${code}: the image lacks files`); // 1: a file changed while it was read
  return output;
}

function outputOf(command, words) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, words, { cwd: repository, stdio: ['ignore', 'pipe', 'ignore'] });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      output += text;
    });
    child.once('error', reject);
    child.once('close', () => resolve(output));
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(await testImage());
