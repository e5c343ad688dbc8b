// Makes the attacks of test/sandbox in a disposable root (driver/disposable_root.py) and gives the report. Also by hand:
//
//   node test/sandbox/drive.mjs MODE [none | rehearsal] [WORD …]      attacks whose name holds a word
//
// none: nothing confines the attacks, but that root is nobody on the machine: most must succeed then, or they prove
// nothing. rehearsal: confined, and root is nobody on the machine all the same: for the first try of a new attack.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { confinementOf, defaultPolicy } from '@pythond/sandbox';
import { findPythons } from '../../tools/pythons.mjs';
import { dockerOutput, PLAIN_USER, runWords, whyNoEngine } from './container/engine.mjs';
import { PROJECT, testImage } from './container/image.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const OUTER = path.join(here, 'driver', 'outer.py');
const HOST = 'python.d/core/pythond_host.py';
/** Within the range that `ownIdentity` gives out. */
const OWN_UID = 61_234;

/** Who the worker is, and what it makes of its hosts. */
export const MODES = {
  root: 'root, hosts with a uid of their own',
  'root-keeping-uid': 'root, hosts that stay uid 0 without capabilities',
  user: 'a plain user',
  'container-like': 'uid 0 with no capabilities, no-new-privileges, read-only root, /tmp of its own',
  container: 'a plain user in a hardened container of a Docker engine',
  'container-root': 'uid 0 in such a container',
};

/** The modes whose disposable root is a container: the user in it. */
export const USERS = { container: PLAIN_USER, 'container-root': '0:0' };

/** Why attacks can't be made here in a mode: they are made in a disposable root or not at all. null: they can. */
export async function whyNot(mode) {
  return mode in USERS ? whyNoEngine() : whyNoDisposableRoot();
}

async function whyNoDisposableRoot() {
  if (process.platform !== 'linux') return 'namespaces and Landlock exist on Linux only';
  const python = publicPython();
  if (python === null) return 'there is no Python that every user of the machine can start';
  const { code, output } = await outer({}, 'ignore');
  return code === 0 ? null : `no disposable root can be made: ${output.trim()}`;
}

/** Why the sandbox can't be had here in a mode; null: it can. */
export async function whyUnconfined(mode) {
  const { landlockAbi, seccomp, dropCapabilities } = JSON.parse(await probeIn(mode));
  if (!seccomp || !dropCapabilities) return 'there is no seccomp here, or capabilities can not be dropped';
  const enough = mode === 'root' ? 1 : 6; // below 6, only a uid of their own keeps runs from sending signals to the worker
  return landlockAbi >= enough ? null : `Landlock is of ABI ${landlockAbi} here, and this takes ${enough}`;
}

async function probeIn(mode) {
  if (mode in USERS)
    return dockerOutput([...(await pythonOfImage(mode)), '-I', `${PROJECT}/${HOST}`, '--probe']);
  return spawnSync(publicPython(), ['-I', path.join(here, '..', '..', HOST), '--probe'], { encoding: 'utf8' })
    .stdout;
}

/** The words behind `docker` that start the Python of the test's image in a hardened container. */
async function pythonOfImage(mode) {
  return [...runWords(await testImage(), USERS[mode]), 'python3'];
}

/** A Python that any user can start: the player and its hosts run under it. */
export function publicPython() {
  const system = '/usr/bin/python3';
  const isNew = ['-c', 'import sys; sys.exit(sys.version_info < (3, 8))'];
  if (existsSync(system) && spawnSync(system, isNew).status === 0) return system;
  const outside = findPythons().found.filter(({ executable }) => !executable.startsWith(homedir()));
  return outside.at(-1)?.executable ?? null;
}

/** Runs the attacks; resolves to {mode, level, results}. */
export async function runAttacks(mode, { level = 'strict', rehearsal = false, quiet = false, ...more } = {}) {
  const config = { mode, level, rehearsal, ...more, ...(await placeOf(mode, level)) };
  return runDriver(config, quiet ? 'ignore' : 'inherit');
}

/** Where the attacks are made: the Python there, what hosts are told for it, and the command that starts a container. */
async function placeOf(mode, level) {
  if (!(mode in USERS)) {
    const python = publicPython();
    const { stdout } = spawnSync(python, ['-c', ASK], { encoding: 'utf8' });
    return { python, policy: policyFor(stdout) };
  }
  if (level !== 'strict' && mode !== 'container')
    throw new Error('what nothing confines is nobody on the machine');
  const words = await pythonOfImage(mode);
  const told = await dockerOutput([...words, '-c', ASK]);
  return { python: JSON.parse(told)[0], policy: policyFor(told), container: ['docker', ...words] };
}

const ASK =
  'import json, sys; print(json.dumps([sys.executable, sys.prefix, sys.base_prefix, sys.path[1:]]))';

/** What the worker would tell the hosts of an input that sets no policy key; the driver adds its own folders. */
function policyFor(told) {
  const [executable, prefix, basePrefix, folders] = JSON.parse(told);
  return confinementOf(defaultPolicy, {
    level: 'strict',
    mayDropUid: true,
    identity: { uid: OWN_UID, gid: OWN_UID, groups: [] },
    interpreter: { executable, prefix, basePrefix, folders },
    bundleRoot: '/nonexistent',
    corePath: '/nonexistent',
    ways: [],
  });
}

async function runDriver(config, log) {
  const { code, output } = await outer(config, log);
  if (code !== 0) throw new Error(`the driver failed with code ${code}: ${output}`);
  return JSON.parse(output);
}

/** Runs driver/outer.py; resolves to {code, output}. */
async function outer(config, log) {
  const folder = mkdtempSync(path.join(tmpdir(), 'pythond-suite-'));
  try {
    const file = path.join(folder, 'config.json');
    writeFileSync(file, JSON.stringify(config));
    return await started(publicPython() ?? 'python3', ['-I', OUTER, file], log);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function started(command, args, log) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', log] });
    const pieces = [];
    child.stdout.on('data', (piece) => pieces.push(piece));
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, output: Buffer.concat(pieces).toString() }));
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [mode = 'root', ...words] = process.argv.slice(2);
  const level = words[0] === 'none' ? words.shift() : 'strict';
  const rehearsal = words[0] === 'rehearsal' && words.shift() !== undefined;
  const { results } = await runAttacks(mode, { level, rehearsal, only: words });
  const count = (wanted) => results.filter(({ outcome }) => outcome === wanted).length;
  for (const { outcome, group, name, where, evidence, ms } of results)
    console.log(`${outcome.padEnd(8)} ${group}: ${name} (${where}) ${ms ?? ''} ms  ${evidence ?? ''}`);
  console.log(
    `${mode} ${level}: ${count('held')} held, ${count('ESCAPED')} escaped, ${count('SILENT')} silent`,
  );
}
