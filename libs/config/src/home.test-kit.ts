import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { formatProblem } from './problem.ts';
import { type Inputs, type ReadInputsOptions, readInputs } from './read-inputs.ts';

export type Files = Readonly<Record<string, string | Uint8Array>>;

const made: string[] = [];

/** Makes a home with these files, relative to it. */
export async function makeHome(files: Files = {}): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), 'pythond-config-'));
  made.push(home);
  for (const [path, content] of Object.entries(files)) {
    const file = join(home, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content);
  }
  return home;
}

/** For `afterEach`: removes every home that was made. */
export async function removeHomes(): Promise<void> {
  for (const home of made.splice(0)) await rm(home, { recursive: true, force: true });
}

export type Read = Inputs & { readonly texts: readonly string[] };

export async function readHome(home: string, env: ReadInputsOptions['env'] = {}): Promise<Read> {
  const inputs = await readInputs({ home, env });
  return { ...inputs, texts: inputs.problems.map(formatProblem) };
}

/** Reads a home whose `conf.d/pythond.conf` is this text. */
export async function readConf(text: string | Uint8Array, env: ReadInputsOptions['env'] = {}): Promise<Read> {
  return readHome(await makeHome({ 'conf.d/pythond.conf': text }), env);
}

/** A block with the keys that every block needs, and these lines, the first of which is its line 5. */
export function block(lines = '', name = 'web'): string {
  return `[[inputs.pythond]]\nname = '${name}'\ncmd = "python3"\ndirs = ["Demo"]\n${lines}\n`;
}
