import { type FileHandle, open, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { EmbeddedRedisError } from './errors.ts';
import type { RedisFolder } from './redis-folder.ts';
import type { RedisServer } from './server-program.ts';

const MAX_LOG_BYTES = 1024 * 1024;
const TAIL_BYTES = 4096;
const TAIL_LINES = 10;

/** Opens the server's log for its next start; one old log is kept. `from` is where that start's lines begin. */
export async function openLog({ logFile }: RedisFolder): Promise<{ handle: FileHandle; from: number }> {
  const size = await stat(logFile).then(
    (stats) => stats.size,
    () => 0,
  );
  if (size > MAX_LOG_BYTES) await rename(logFile, `${logFile}.old`);
  const handle = await open(logFile, 'a', 0o600);
  return { handle, from: size > MAX_LOG_BYTES ? 0 : size };
}

/** The last lines that the server wrote since `from`, without the password, should it quote its configuration. */
export async function logTail({ logFile }: RedisFolder, from: number, password: string): Promise<string> {
  const handle = await open(logFile, 'r').catch(() => null);
  if (handle === null) return '';
  try {
    const { size } = await handle.stat();
    const start = Math.max(from, size - TAIL_BYTES);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(TAIL_BYTES), 0, TAIL_BYTES, start);
    const lines = buffer.toString('utf8', 0, bytesRead).trim().split('\n').slice(-TAIL_LINES);
    return lines.join('\n').replaceAll(password, '***');
  } finally {
    await handle.close();
  }
}

/** What a server's last words mean. */
export function explainFailure(folder: RedisFolder, server: RedisServer, tail: string): EmbeddedRedisError {
  const said = `It said:\n${tail}\n(all of it is in ${folder.logFile})`;
  // Whatever stands where the version should gives 0 when it is no number.
  if (/can't handle RDB format version [1-9]/i.test(tail)) {
    return new EmbeddedRedisError(
      'redis-data-newer',
      `The data in ${folder.dataDir} was written by a newer version than ${server.path} (${server.version}). Use that version again, or move the folder away to begin anew. ${said}`,
    );
  }
  if (DAMAGED.test(tail)) {
    const file = damagedFile(folder, tail);
    const fix = Number.parseInt(server.version, 10) >= 7 ? manifestOf(folder) : file;
    return new EmbeddedRedisError(
      'redis-data-corrupt',
      `Redis can't read its own data: ${file} is damaged. Make a copy of ${folder.dataDir}, then try: ${server.flavour}-check-aof --fix ${shellWord(fix)}\nor move the folder away to begin anew. ${said}`,
    );
  }
  return new EmbeddedRedisError(
    'redis-start-failed',
    `${server.path} (${server.version}) did not start. ${said}`,
  );
}

/** What Redis 6.2 to 8 and Valkey say of files that they can't load. */
const DAMAGED = new RegExp(
  [
    'bad file format reading the append only file',
    'unexpected end of file reading the append only file',
    'unrecoverable error reading the append only file',
    'AOF manifest',
    'AOF loading aborted',
    'unable to obtain the AOF file',
    "AOF file .* doesn't exist",
    '(short read|unexpected EOF|wrong signature|internal error).*RDB',
    'RDB format version 0',
  ].join('|'),
  'i',
);

function manifestOf({ dataDir }: RedisFolder): string {
  return join(dataDir, 'appendonlydir', 'appendonly.aof.manifest');
}

function damagedFile(folder: RedisFolder, tail: string): string {
  const name = /(?:append only|AOF) file ([\w.-]+\.(?:aof|rdb))/i.exec(tail)?.[1];
  if (!name && /manifest/i.test(tail)) return manifestOf(folder);
  // Redis 6.2 has one file, and does not name it.
  return name ? join(folder.dataDir, 'appendonlydir', name) : join(folder.dataDir, 'appendonly.aof');
}

function shellWord(word: string): string {
  return /^[\w./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
