const FOLDERS = new Set(['__pycache__', '.git', '.hg', '.svn']);
/**
 * What editors leave beside the file they have open, or write before they rename it: vim (`4913` is its probe), emacs,
 * and the backups of both; GNOME's and JetBrains' editors.
 */
const EDITORS = /\.sw[opx]$|~$|^\.#|^#.*#$|^4913$|^\.goutputstream-|___jb_(?:tmp|old)___$/;

/**
 * What is never packed. Names that begin with two dots are a Kubernetes volume's own bookkeeping: each file of a
 * ConfigMap is a link to `..data/<file>`, which is followed, while a folder named for the time of the last update
 * would give every node and every update a digest of its own.
 */
export function isSkipped(name: string): boolean {
  return FOLDERS.has(name) || name === '.DS_Store' || name.startsWith('..') || EDITORS.test(name);
}
