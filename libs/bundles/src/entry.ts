/** A file or folder of a bundle. `path` is within the bundle, with `/`, without one at either end. */
export type BundleEntry =
  | { readonly kind: 'folder'; readonly path: string }
  | {
      readonly kind: 'file';
      readonly path: string;
      readonly executable: boolean;
      readonly content: Buffer;
    };

/** The order of entries in a bundle: by path, in UTF-16 code units, alike on every machine and locale. */
export function byPath(a: { readonly path: string }, b: { readonly path: string }): number {
  return a.path < b.path ? -1 : a.path > b.path ? 1 : 0;
}

/** The folders above a path, the outermost first: `a/b/c` gives `a` and `a/b`. */
export function parentsOf(path: string): string[] {
  const parts = path.split('/');
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('/'));
}
