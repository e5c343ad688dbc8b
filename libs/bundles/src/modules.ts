import type { ModuleRef } from '@pythond/jobs';
import { byPath } from './entry.ts';
import { type BundleProblem, isPrintable } from './problem.ts';
import type { Root } from './roots.ts';
import type { FoundFile } from './walk.ts';
import { nameUnprintable, sameModule } from './walk-problems.ts';

/**
 * The modules that are looked at for collectors: every `.py` file, in any case of the ending, in a dir and one level
 * down, never `__init__.py` (PYTHOND.md facts 10 and 11). Same-named modules of two dirs are two (fact 12); a file
 * that two entries reach is listed for the first. Names with a leading dot are what macOS and notebooks leave, and
 * could not be imported.
 */
export function listModules(
  roots: readonly Root[],
  files: ReadonlyMap<string, FoundFile>,
): { modules: ModuleRef[]; problems: BundleProblem[] } {
  const problems: BundleProblem[] = [];
  const byFile = new Map<string, ModuleRef>();
  const byName = new Map<string, ModuleRef>();
  const sorted = [...files.values()].sort(byPath);
  for (const root of roots) {
    if (root.kind !== 'dirs') continue;
    for (const file of sorted) {
      const name = moduleName(root, file.path);
      if (name === null || byFile.has(file.path)) continue;
      if (!isPrintable(name)) {
        problems.push(nameUnprintable(file.real));
        continue;
      }
      const key = JSON.stringify([root.entry, name]);
      const other = byName.get(key);
      if (other) {
        problems.push(sameModule(file.real, files.get(other.file)?.real ?? other.file, name));
        continue;
      }
      const module: ModuleRef = { name, file: file.path, root: root.at, dir: root.entry };
      byFile.set(file.path, module);
      byName.set(key, module);
    }
  }
  const modules = [...byFile.values()];
  return { modules: modules.sort((a, b) => compare(a.dir, b.dir) || compare(a.name, b.name)), problems };
}

function moduleName(root: Root, path: string): string | null {
  if (!path.startsWith(`${root.at}/`)) return null;
  const below = path.slice(root.at.length + 1);
  if (root.only !== null && below !== root.only) return null;
  const parts = below.split('/');
  const file = parts.pop() ?? '';
  const stem = file.slice(0, -'.py'.length);
  if (!/\.py$/i.test(file) || stem === '' || stem === '__init__' || parts.length > 1) return null;
  const name = [...parts, stem];
  return name.some((part) => part.startsWith('.') || part.includes('..')) ? null : name.join('.');
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
