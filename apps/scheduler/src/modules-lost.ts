import type { BundleProblem, BundleProblemCode } from '@pythond/bundles';
import type { ModuleRef } from '@pythond/jobs';

/** Problems after which a file is there and yet not in the bundle. */
const LOSING: ReadonlySet<BundleProblemCode> = new Set<BundleProblemCode>([
  ...(['unreadable', 'refused-root', 'link-loop', 'special-file', 'file-changing'] as const),
  ...(['file-too-large', 'path-too-long', 'too-deep', 'too-many-files', 'bundle-too-large'] as const),
]);
const OF_ALL: ReadonlySet<BundleProblemCode> = new Set<BundleProblemCode>([
  'too-many-files',
  'bundle-too-large',
]);

/**
 * Modules of the version in force that nobody removed, but which can't be read or packed now. A bundle without them
 * would stop their collectors.
 */
export function modulesLost(
  running: readonly ModuleRef[],
  {
    modules,
    problems,
  }: { readonly modules: readonly ModuleRef[]; readonly problems: readonly BundleProblem[] },
): ModuleRef[] {
  const id = ({ dir, name }: ModuleRef) => JSON.stringify([dir, name]);
  const there = new Set(modules.map(id));
  const losing = problems.filter(({ code }) => LOSING.has(code));
  return running.filter(
    (module) =>
      !there.has(id(module)) &&
      losing.some(({ code, path }) => OF_ALL.has(code) || concerns(path, module.file)),
  );
}

/** Whether a path on the disk is that of a file in the bundle, or of a folder above it. */
function concerns(path: string, file: string): boolean {
  const below = file.startsWith('abs/') ? file.slice('abs'.length) : `/${file}`;
  for (let part = below; part.length > 1; part = part.slice(0, part.lastIndexOf('/'))) {
    if (path.endsWith(part)) return true;
  }
  return false;
}
