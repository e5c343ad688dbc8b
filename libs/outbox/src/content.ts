import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import type { Origin } from '@pythond/jobs';
import type { Redis } from '@pythond/queue';
import { z } from 'zod';
import { CorruptDeliveryError } from './errors.ts';

const deflate = promisify(gzip);
const inflate = promisify(gunzip);

/** Smaller bodies gain nothing. */
const GZIP_ABOVE_BYTES = 1024;
/** More than any delivery holds: a damaged one must not fill the memory. */
const MAX_BODY_BYTES = 64 * 1024 * 1024;

const sharesSchema = z.array(z.tuple([z.string(), z.number().int().positive()]));

/** What Redis keeps of a delivery or a dead letter: the fields of `lua/store.lua`. */
export interface Content {
  /** JSON of all but the points. */
  readonly meta: string;
  /** The points, gzipped where that is worth it. */
  readonly body: Buffer;
  /** SHA-256 of all the rest, hex. */
  readonly digest: string;
  /** An origin; '' for none. */
  readonly endpoint: string;
  /** JSON of `[[collector, points], …]`: whose they are, for the ledger. */
  readonly shares: string;
}

export async function pack(
  { endpoint, ...meta }: { readonly endpoint: string | null },
  body: string,
  origins: readonly Pick<Origin, 'collector' | 'points'>[],
): Promise<Content> {
  const bytes = Buffer.from(body);
  const gzipped = bytes.length > GZIP_ABOVE_BYTES;
  const stored = gzipped ? await deflate(bytes, { level: 1 }) : bytes;
  const text = JSON.stringify({ ...meta, endpoint, encoding: gzipped ? 'gzip' : 'plain' });
  const shares = JSON.stringify(sharesOf(origins));
  const content = { meta: text, body: stored, shares, endpoint: endpoint ?? '' };
  return { ...content, digest: digestOf({ ...content, meta: Buffer.from(text) }) };
}

/** What was found under a key: bytes that may have been damaged since. */
export interface Found {
  readonly meta: Buffer;
  readonly body: Buffer;
  readonly digest: string;
  readonly shares: string;
  readonly endpoint: string;
}

export async function find(redis: Redis, key: string): Promise<Found | null> {
  const fields = await redis.hmgetBuffer(key, 'meta', 'body', 'digest', 'shares', 'endpoint');
  if (fields.every((field) => field === null)) return null;
  const [meta, body, digest = '', shares = '', endpoint = ''] = fields.map(
    (field) => field ?? Buffer.alloc(0),
  );
  return {
    meta: meta ?? Buffer.alloc(0),
    body: body ?? Buffer.alloc(0),
    ...{ digest: digest.toString(), shares: shares.toString(), endpoint: endpoint.toString() },
  };
}

/** @throws CorruptDeliveryError */
export async function unpack(id: string, found: Found): Promise<{ meta: object; body: string }> {
  if (digestOf(found) !== found.digest) {
    throw new CorruptDeliveryError(id, 'its checksum does not match');
  }
  const meta = parseObject(id, found.meta.toString());
  return { meta, body: (await inflated(id, meta, found.body)).toString() };
}

/** What can still be made out of a damaged one; {} for nothing. */
export function readable({ meta }: Found): Readonly<Record<string, unknown>> {
  try {
    return parseObject('', meta.toString());
  } catch (error) {
    if (!(error instanceof CorruptDeliveryError)) throw error;
    return {};
  }
}

function parseObject(id: string, text: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new CorruptDeliveryError(id, 'a part of it can not be read', { cause });
  }
  if (typeof value !== 'object' || value === null) {
    throw new CorruptDeliveryError(id, 'a part of it is missing');
  }
  return value as Readonly<Record<string, unknown>>;
}

async function inflated(id: string, meta: Readonly<Record<string, unknown>>, body: Buffer): Promise<Buffer> {
  if (meta['encoding'] !== 'gzip') return body;
  try {
    return await inflate(body, { maxOutputLength: MAX_BODY_BYTES });
  } catch (cause) {
    throw new CorruptDeliveryError(id, 'it can not be unpacked', { cause });
  }
}

function digestOf({ meta, body, shares, endpoint }: Omit<Found, 'digest'>): string {
  const hash = createHash('sha256').update(meta).update('\n').update(body).update('\n');
  return hash.update(shares).update('\n').update(endpoint).digest('hex');
}

/** Points by collector, each collector once. */
export function sharesOf(
  origins: readonly Pick<Origin, 'collector' | 'points'>[],
): [collector: string, points: number][] {
  const shares = new Map<string, number>();
  for (const { collector, points } of origins) shares.set(collector, (shares.get(collector) ?? 0) + points);
  return [...shares];
}

/** The same, read back; [] where it is damaged. */
export function sharesFrom(text: string): [collector: string, points: number][] {
  try {
    return sharesSchema.parse(JSON.parse(text));
  } catch {
    return [];
  }
}
