import { gunzipSync } from 'node:zlib';
import type { Redis } from '@pythond/queue';

/** The commands that give all that a key of a type holds. */
const readers: Readonly<Record<string, (key: Buffer) => readonly (string | Buffer)[]>> = {
  string: (key) => ['GET', key],
  hash: (key) => ['HGETALL', key],
  list: (key) => ['LRANGE', key, '0', '-1'],
  set: (key) => ['SMEMBERS', key],
  zset: (key) => ['ZRANGE', key, '0', '-1', 'WITHSCORES'],
  stream: (key) => ['XRANGE', key, '-', '+'],
};

export interface RedisContents {
  /** Of each type: how many keys were read. */
  readonly keys: Readonly<Record<string, number>>;
  /** Every key, member and value of every database; what is compressed also as it was before. */
  readonly bytes: Buffer;
}

/** Reads a whole Redis: every database, every key, whatever its type. A type that is not known here is an error. */
export async function redisContents(redis: Redis): Promise<RedisContents> {
  const keys: Record<string, number> = {};
  const found: Buffer[] = [];
  const databases = [...(await redis.info('keyspace')).matchAll(/^db(\d+):/gm)].map(([, number]) =>
    Number(number),
  );
  const own = redis.duplicate({ enableAutoPipelining: false });
  try {
    for (const database of databases) {
      await own.select(database);
      for (const key of await keysOf(own)) {
        const type = await own.type(key);
        if (type === 'none') continue; // it has expired since
        const command = readers[type]?.(key);
        if (!command) throw new Error(`a key of type ${type} can't be read: ${key}`);
        const [name = '', ...args] = command;
        keys[type] = (keys[type] ?? 0) + 1;
        found.push(key, ...leaves(await own.callBuffer(String(name), ...args)));
      }
    }
  } finally {
    own.disconnect();
  }
  return { keys, bytes: Buffer.concat(found.map((one) => withUnpacked(one))) };
}

const newline = Buffer.from('\n');
const GZIP = Buffer.from([0x1f, 0x8b, 0x08]);

async function keysOf(redis: Redis): Promise<Buffer[]> {
  const keys: Buffer[] = [];
  let cursor = '0';
  do {
    const [next, some] = await redis.scanBuffer(cursor, 'COUNT', 1000);
    cursor = String(next);
    keys.push(...some);
  } while (cursor !== '0');
  return keys;
}

function leaves(answer: unknown): Buffer[] {
  if (Buffer.isBuffer(answer)) return [answer];
  if (Array.isArray(answer)) return answer.flatMap(leaves);
  return answer === null || answer === undefined ? [] : [Buffer.from(String(answer))];
}

/** Bytes, and after them what is compressed in them as it was before: gzip, plain or in base64, wherever it begins. */
export function withUnpacked(bytes: Buffer): Buffer {
  const parts = [bytes, newline];
  for (let at = bytes.indexOf(GZIP); at >= 0; at = bytes.indexOf(GZIP, at + 1)) {
    parts.push(unzipped(bytes.subarray(at)), newline);
  }
  for (const [base64] of bytes.toString('latin1').matchAll(/H4sI[A-Za-z0-9+/]+/g)) {
    parts.push(unzipped(Buffer.from(base64, 'base64')), newline);
  }
  return Buffer.concat(parts);
}

function unzipped(bytes: Buffer): Buffer {
  try {
    return gunzipSync(bytes);
  } catch {
    return Buffer.alloc(0); // it only looked like it
  }
}

/** A secret in every form in which it might be written down. */
export function formsOf(secret: string): Buffer[] {
  const bytes = Buffer.from(secret);
  // In base64 a text looks different at each of three offsets; its first and last characters depend on the neighbours.
  const base64 = [0, 1, 2].map((shift) =>
    Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .replace(/=+$/, '')
      .slice(4, -4),
  );
  return [secret, bytes.toString('hex'), encodeURIComponent(secret), ...base64]
    .map((form) => Buffer.from(form))
    .concat(Buffer.from(secret, 'utf16le'));
}
