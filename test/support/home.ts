import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { repository } from './cli.ts';

export interface TestHome {
  readonly dir: string;
  /** Writes files, by their path in the home. */
  write(files: Readonly<Record<string, string>>): Promise<void>;
  remove(): Promise<void>;
}

/** A home in a temporary folder, with the given files. */
export async function makeHome(files: Readonly<Record<string, string>>): Promise<TestHome> {
  const dir = await mkdtemp(path.join(tmpdir(), 'pythond-home-'));
  const write = async (more: Readonly<Record<string, string>>) => {
    for (const [name, text] of Object.entries(more)) {
      const file = path.join(dir, name);
      await mkdir(path.dirname(file), { recursive: true });
      await writeFile(file, text);
    }
  };
  await write(files);
  return { dir, write, remove: () => rm(dir, { recursive: true, force: true }) };
}

/** A copy of a home of `test/fixtures`, to be run and changed. */
export async function copyHome(fixture: string): Promise<TestHome> {
  const home = await makeHome({});
  await cp(path.join(repository, 'test/fixtures', fixture), home.dir, { recursive: true });
  return home;
}

/** A block of conf.d. */
export function block(name: string, dirs: readonly string[], more = ''): string {
  return `[[inputs.pythond]]\n  name = '${name}'\n  cmd = "python3"\n  dirs = ${JSON.stringify(dirs)}\n${more}\n`;
}
