/** A file, a link or something else of a commit's tree. */
export interface TreeEntry {
  readonly kind: 'file' | 'executable' | 'link' | 'submodule' | 'other';
  readonly oid: string;
  /** Bytes; 0 for a submodule. */
  readonly bytes: number;
  readonly path: string;
}

export interface TreeReading {
  readonly entries: readonly TreeEntry[];
  /** Paths that no file of ours may have, in a form that can be shown. */
  readonly refused: readonly string[];
}

const KINDS: Readonly<Record<string, TreeEntry['kind']>> = {
  '100644': 'file',
  '100664': 'file',
  '100755': 'executable',
  '120000': 'link',
  '160000': 'submodule',
};

const MAX_PATH_BYTES = 1024;

/** Reads what `git ls-tree -r -z -l` prints: `<mode> SP <type> SP <oid> SP+ <bytes> TAB <path> NUL`. */
export function parseTree(output: Buffer): TreeReading {
  const entries: TreeEntry[] = [];
  const refused: string[] = [];
  let start = 0;
  for (let end = output.indexOf(0); end >= 0; end = output.indexOf(0, start)) {
    const record = output.subarray(start, end);
    start = end + 1;
    const tab = record.indexOf(0x09);
    const raw = record.subarray(tab + 1);
    const [, mode = '', oid = '', bytes = ''] =
      /^(\d{6}) \w+ ([0-9a-f]{40,64}) +(\d+|-)$/.exec(record.subarray(0, tab).toString('latin1')) ?? [];
    const path = raw.toString('utf8');
    if (oid === '' || !isSafe(path, raw)) refused.push(JSON.stringify(path.slice(0, 200)));
    else entries.push({ kind: KINDS[mode] ?? 'other', oid, bytes: bytes === '-' ? 0 : Number(bytes), path });
  }
  return { entries, refused };
}

/** Whether a path can be made below a folder without ever leaving it, on any file system. */
function isSafe(path: string, raw: Buffer): boolean {
  if (raw.length === 0 || raw.length > MAX_PATH_BYTES || !Buffer.from(path, 'utf8').equals(raw)) return false;
  if (/[\p{Cc}\\]/u.test(path)) return false;
  return path.split('/').every((part) => part !== '' && part !== '.' && part !== '..' && !isGitDir(part));
}

/** `.git` in the spellings that some file system takes for it. */
function isGitDir(part: string): boolean {
  const bare = part.replace(/[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]/g, '').toLowerCase();
  return bare === '.git' || bare.startsWith('git~1');
}
