import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { delimiter, isAbsolute, join } from 'node:path';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Every program of that name on the PATH, in its order. Relative entries are left out: never the current folder. */
export async function findPrograms(name: string, env: Environment): Promise<string[]> {
  const folders = (env['PATH'] ?? '').split(delimiter).filter((folder) => isAbsolute(folder));
  const programs: string[] = [];
  for (const folder of new Set(folders)) {
    const path = join(folder, name);
    if (await isProgram(path)) programs.push(path);
  }
  return programs;
}

async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
