// Makes a fresh clone ready: Node's version, the packages of the lock file, the build. Each step is skipped when
// nothing changed since it was last done. Plain Node, so that it runs before anything is installed.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

export const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const OLDEST_NODE = [20, 19];
const stampFile = path.join(root, 'node_modules', '.pythond-packages');

export function say(line) {
  process.stderr.write(`${line}\n`);
}

/** Everything that `npm start`, `npm test` and `npm run bench` need before they begin. */
export function prepare() {
  requireNode();
  installPackages();
  build();
}

function requireNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1])) return;
  fail(
    `Node ${process.versions.node} is too old: pythond-fleet needs ${OLDEST_NODE.join('.')} or newer.`,
    'Install a newer one from https://nodejs.org or with your version manager.',
  );
}

function installPackages() {
  const wanted = createHash('sha256')
    .update(readFileSync(path.join(root, 'package-lock.json')))
    .digest('hex');
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === wanted) return;
  say('Installing packages (the first time only) …');
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const args = ['ci', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'];
  run(npm, args, 'The packages could not be installed. Is the npm registry reachable from here?');
  mkdirSync(path.dirname(stampFile), { recursive: true });
  writeFileSync(stampFile, wanted);
}

function build() {
  const tsc = path.join(root, 'node_modules', 'typescript-native', 'bin', 'tsc');
  run(process.execPath, [tsc, '--build'], 'The sources do not compile; the messages above say where.');
}

/** Runs a command in the clone's root with its output shown on standard error; ends the process when it fails. */
function run(command, args, remedy) {
  const done = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2] });
  if (done.status !== 0) fail(`\`${path.basename(command)} ${args.join(' ')}\` failed.`, remedy);
}

function fail(problem, remedy) {
  say(`${problem}\n${remedy}`);
  process.exit(1);
}
