import { type Pack, pack } from 'tar-stream';
import type { BundleEntry } from './entry.ts';

const FOLDER_MODE = 0o755;
const FILE_MODE = 0o644;
const EXECUTABLE_MODE = 0o755;
const NO_TIME = new Date(0);

/**
 * The archive of entries that are in order. Nothing of the machine goes in: no owner, no times, and of the modes
 * only whether the owner may execute, so equal contents give equal bytes wherever and whenever they are packed.
 */
export async function* tarOf(
  entries: Iterable<BundleEntry> | AsyncIterable<BundleEntry>,
): AsyncGenerator<Uint8Array> {
  const tar = pack();
  const fed = feed(tar, entries);
  // Reading from the destroyed stream throws the error; without this it would be an unhandled rejection as well.
  fed.catch((error: Error) => tar.destroy(error));
  for await (const chunk of tar) yield chunk as Uint8Array;
  await fed;
}

async function feed(tar: Pack, entries: Iterable<BundleEntry> | AsyncIterable<BundleEntry>): Promise<void> {
  for await (const entry of entries) await add(tar, entry);
  tar.finalize();
}

function add(tar: Pack, entry: BundleEntry): Promise<void> {
  const fixed = { mtime: NO_TIME, uid: 0, gid: 0 };
  return new Promise((resolve, reject) => {
    const done = (error?: Error | null) => (error ? reject(error) : resolve());
    if (entry.kind === 'folder') {
      tar.entry({ ...fixed, name: `${entry.path}/`, type: 'directory', mode: FOLDER_MODE }, done);
    } else {
      const mode = entry.executable ? EXECUTABLE_MODE : FILE_MODE;
      tar.entry({ ...fixed, name: entry.path, type: 'file', mode }, entry.content, done);
    }
  });
}
