import type { BigIntStats } from 'node:fs';
import { lstat, stat } from 'node:fs/promises';
import { parentsOf } from './entry.ts';
import { systemCode } from './errors.ts';
import type { BundleLimits } from './limits.ts';
import type { BundleProblem } from './problem.ts';
import { readNames, readTarget } from './read-folder.ts';
import { unreadable } from './root-problems.ts';
import { isWithin, type Root } from './roots.ts';
import { isSkipped } from './skipped.ts';
import { Tally } from './tally.ts';
import * as found from './walk-problems.ts';

/** A file to be packed: where it really is, and where it goes. */
export interface FoundFile {
  readonly real: string;
  readonly path: string;
  readonly stats: FileStats;
}

/** What tells that a file may have changed, and when it last did. */
export type FileStats = Pick<BigIntStats, 'size' | 'mtimeNs' | 'ctimeNs' | 'ino' | 'dev' | 'mode'>;

export interface Walked {
  /** By path in the bundle. */
  readonly files: ReadonlyMap<string, FoundFile>;
  readonly folders: ReadonlySet<string>;
  readonly problems: readonly BundleProblem[];
  /** Set when nothing can be packed. */
  readonly refusal: BundleProblem | null;
}

/** Looks at everything below the roots without reading a file; follows links that stay within the roots. */
export async function walk(roots: readonly Root[], limits: BundleLimits): Promise<Walked> {
  const walker = new Walker(roots, limits);
  for (const root of roots) await walker.root(root);
  return walker.result();
}

/** A folder on its way: where it is, where it goes, and the real folders above it. */
interface Place {
  readonly real: string;
  readonly path: string;
  readonly root: Root;
  /** The file or folder directly below the root that this belongs to; '' at the root. */
  readonly part: string;
  readonly above: readonly string[];
  /** The link that led here, if one did. */
  readonly link?: string;
}

class Walker {
  readonly #roots: readonly Root[];
  readonly #limits: BundleLimits;
  readonly #tally: Tally;
  readonly #files = new Map<string, FoundFile>();
  readonly #folders = new Set<string>();
  readonly #problems: BundleProblem[] = [];
  /** Paths in the bundle that the user named: a link there was meant. */
  readonly #named: ReadonlySet<string>;

  constructor(roots: readonly Root[], limits: BundleLimits) {
    this.#roots = roots;
    this.#limits = limits;
    this.#tally = new Tally(limits);
    this.#named = new Set(roots.map((root) => (root.only === null ? root.at : `${root.at}/${root.only}`)));
  }

  result(): Walked {
    return {
      files: this.#files,
      folders: this.#folders,
      problems: this.#problems,
      refusal: this.#tally.problem(),
    };
  }

  async root(root: Root): Promise<void> {
    const place: Place = { real: root.real, path: root.at, root, part: '', above: [] };
    // The folders above it are entries of the bundle as well.
    for (const path of parentsOf(root.at)) {
      this.#count({ ...place, path }, 0);
      this.#folders.add(path);
    }
    try {
      const stats = await lstat(root.real, { bigint: true });
      if (stats.isDirectory()) await this.#folder(place);
      else this.#file(place, stats);
    } catch (error) {
      this.#problems.push(unreadable(root.real, error));
    }
  }

  async #folder(place: Place): Promise<void> {
    if (place.above.includes(place.real)) {
      this.#problems.push(found.linkLoop(place.link ?? place.real, place.real));
      return;
    }
    if (place.above.length > this.#limits.maxDepth) {
      this.#problems.push(found.tooDeep(place.real, this.#limits.maxDepth));
      return;
    }
    if (!this.#count(place, 0)) return;
    this.#folders.add(place.path);
    for (const name of await readNames(place.real, this.#problems)) {
      if (this.#tally.tooMany) return;
      if (isSkipped(name) || (place.path === 'python.d' && name === 'core')) continue;
      await this.#entry({
        real: `${place.real === '/' ? '' : place.real}/${name}`,
        path: `${place.path}/${name}`,
        root: place.root,
        part: place.part || `${place.real}/${name}`,
        above: [...place.above, place.real],
      });
    }
  }

  async #entry(place: Place): Promise<void> {
    try {
      const stats = await lstat(place.real, { bigint: true });
      if (stats.isSymbolicLink()) await this.#link(place);
      else await this.#thing(place, stats);
    } catch (error) {
      // What disappears between listing and looking was deleted while we walked: not a problem.
      if (systemCode(error) !== 'ENOENT') this.#problems.push(unreadable(place.real, error));
    }
  }

  async #thing(place: Place, stats: BigIntStats): Promise<void> {
    if (stats.isDirectory()) await this.#folder(place);
    else if (stats.isFile()) this.#file(place, stats);
    else this.#problems.push(found.specialFile(place.real));
  }

  async #link(place: Place): Promise<void> {
    const target = await readTarget(place.real, this.#problems);
    if (target === null) return;
    const named = this.#named.has(place.path);
    if (!named && !this.#roots.some((root) => isWithin(target, root.real))) {
      this.#problems.push(found.linkOutside(place.real, target));
      return;
    }
    const stats = await stat(target, { bigint: true });
    // A folder that is an entry of its own is packed as that.
    if (named && stats.isDirectory()) return;
    await this.#thing({ ...place, real: target, link: place.real }, stats);
  }

  #file(place: Place, stats: BigIntStats): void {
    if (stats.size > this.#limits.maxFileBytes) {
      this.#problems.push(found.fileTooLarge(place.real, Number(stats.size), this.#limits.maxFileBytes));
      return;
    }
    if (this.#count(place, Number(stats.size))) {
      this.#files.set(place.path, { real: place.real, path: place.path, stats });
    }
  }

  /** Whether it may be packed; counts it unless an overlapping entry did. */
  #count(place: Place, bytes: number): boolean {
    if (Buffer.byteLength(place.path) > this.#limits.maxPathBytes) {
      this.#problems.push(found.pathTooLong(place.real, this.#limits.maxPathBytes));
      return false;
    }
    if (this.#files.has(place.path) || this.#folders.has(place.path)) return true;
    this.#tally.add(place.part || place.real, bytes);
    return !this.#tally.tooMany;
  }
}
