import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { CollectedBundle } from './collect-bundle.ts';

/** Path to content; `{ link }` makes a symbolic link, null a folder, a trailing `*` an executable. */
export type Tree = Readonly<Record<string, string | Buffer | null | { readonly link: string }>>;

/** Makes a temporary folder with a tree in it. */
export async function makeHome(tree: Tree = {}): Promise<{ home: string; remove: () => Promise<void> }> {
  const home = await mkdtemp(join(tmpdir(), 'bundles-test-'));
  await plant(home, tree);
  return { home, remove: () => rm(home, { recursive: true, force: true }) };
}

export async function plant(folder: string, tree: Tree): Promise<void> {
  for (const [name, what] of Object.entries(tree)) {
    const path = join(folder, name.replace(/\*$/, ''));
    await mkdir(dirname(path), { recursive: true });
    if (what === null) await mkdir(path, { recursive: true });
    else if (typeof what === 'object' && 'link' in what) await symlink(what.link, path);
    else {
      await writeFile(path, what);
      await chmod(path, name.endsWith('*') ? 0o755 : 0o644);
    }
  }
}

export function paths(bundle: CollectedBundle): string[] {
  return bundle.entries.filter((entry) => entry.kind === 'file').map((entry) => entry.path);
}

export function codes(bundle: CollectedBundle): string[] {
  return bundle.problems.map((problem) => problem.code);
}
