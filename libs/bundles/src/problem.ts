/**
 * An `error` means that something the user asked for is not in the bundle; a `warning`, that it is not quite what
 * they might expect. `bundle-too-large` and `too-many-files` are of the whole bundle: nothing was packed.
 */
export type BundleProblemCode =
  | 'missing'
  | 'outside-home'
  | 'refused-root'
  | 'not-a-folder'
  | 'not-a-module'
  | 'unreadable'
  | 'name-not-utf8'
  | 'name-unprintable'
  | 'same-module'
  | 'case-collision'
  | 'link-outside'
  | 'link-dangling'
  | 'link-loop'
  | 'special-file'
  | 'file-changing'
  | 'file-too-large'
  | 'path-too-long'
  | 'too-deep'
  | 'too-many-files'
  | 'bundle-too-large';

/** Something found while collecting a bundle. `path` is on the disk; in the texts it is quoted where it must be. */
export interface BundleProblem {
  readonly level: 'error' | 'warning';
  readonly code: BundleProblemCode;
  readonly path: string;
  readonly message: string;
  /** What to do. */
  readonly hint: string;
}

/** Control characters, line and paragraph separators, and marks that turn the direction of the text. */
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/u;
const ESCAPED = new RegExp(UNPRINTABLE, 'gu');

export function isPrintable(text: string): boolean {
  return !UNPRINTABLE.test(text);
}

/** A path for a message: as it is, or as a JSON string when it could forge or garble a line. */
export function shown(path: string): string {
  if (isPrintable(path) && path === path.trim()) return path;
  return JSON.stringify(path).replace(
    ESCAPED,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
