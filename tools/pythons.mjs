import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import process from 'node:process';

/** The Pythons that collectors may run under; what is newer works as far as it is compatible. */
export const SUPPORTED = ['3.8', '3.9', '3.10', '3.11', '3.12', '3.13'];

/**
 * One interpreter of each supported version that this machine has: on the PATH as `python3.N`, `python3`, or in pyenv.
 *
 * @returns {{found: {version: string, executable: string}[], missing: string[]}}
 */
export function findPythons() {
  const byVersion = new Map();
  for (const command of candidates()) {
    const done = spawnSync(
      command,
      ['-c', 'import sys; print("%d.%d" % sys.version_info[:2], sys.executable)'],
      {
        encoding: 'utf8',
        timeout: 20_000,
      },
    );
    const [version, executable] = done.stdout?.trim().split(' ') ?? [];
    if (SUPPORTED.includes(version) && !byVersion.has(version)) byVersion.set(version, executable);
  }
  const found = SUPPORTED.filter((version) => byVersion.has(version)).map((version) => ({
    version,
    executable: byVersion.get(version),
  }));
  return { found, missing: SUPPORTED.filter((version) => !byVersion.has(version)) };
}

function candidates() {
  const named = SUPPORTED.map((version) => `python${version}`);
  const pyenv = path.join(process.env.PYENV_ROOT ?? path.join(homedir(), '.pyenv'), 'versions');
  const installed = existsSync(pyenv)
    ? readdirSync(pyenv).map((name) => path.join(pyenv, name, 'bin', 'python'))
    : [];
  return [...installed, ...named, 'python3'];
}
