import { readdir, readlink, realpath } from 'node:fs/promises';
import { systemCode } from './errors.ts';
import type { BundleProblem } from './problem.ts';
import { unreadable } from './root-problems.ts';
import { linkDangling, linkLoop, nameNotUtf8 } from './walk-problems.ts';

/** The names in a folder, sorted; those that are not UTF-8 become problems: they could not be named in a message. */
export async function readNames(folder: string, problems: BundleProblem[]): Promise<string[]> {
  const names: string[] = [];
  try {
    for (const raw of await readdir(folder, { encoding: 'buffer' })) {
      const name = raw.toString('utf8');
      if (Buffer.from(name, 'utf8').equals(raw)) names.push(name);
      else problems.push(nameNotUtf8(folder, raw));
    }
  } catch (error) {
    problems.push(unreadable(folder, error));
  }
  return names.sort();
}

/** Where a link leads in the end; null with a problem when it leads nowhere. */
export async function readTarget(link: string, problems: BundleProblem[]): Promise<string | null> {
  try {
    return await realpath(link);
  } catch (error) {
    const code = systemCode(error);
    if (code !== 'ENOENT' && code !== 'ENOTDIR' && code !== 'ELOOP') throw error;
    const written = await readlink(link);
    problems.push(code === 'ELOOP' ? linkLoop(link, written) : linkDangling(link, written));
    return null;
  }
}
