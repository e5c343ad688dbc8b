import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import type { Destination } from '@pythond/datakit';
import { type DeliverJob, deliverJobSchema, type Origin } from '@pythond/jobs';
import { z } from 'zod';
import { CorruptDeliveryError } from './errors.ts';

const deflate = promisify(gzip);
const inflate = promisify(gunzip);

/** Smaller bodies gain nothing. */
const GZIP_ABOVE_BYTES = 1024;
/** More than any delivery holds: a damaged one must not fill the memory. */
const MAX_BODY_BYTES = 64 * 1024 * 1024;

/** A batch that waits: where it goes, its points one by one, where they come from. */
export interface WaitingDelivery {
  readonly destination: Destination;
  /** Each point as a line of line protocol, or as a JSON object; see the destination's form. */
  readonly points: readonly string[];
  readonly origins: readonly Origin[];
  readonly sinceMs: number;
  readonly reason: string;
}

export async function storeDelivery(delivery: WaitingDelivery): Promise<DeliverJob> {
  const { destination, points, origins, sinceMs, reason } = delivery;
  const body = Buffer.from(JSON.stringify(points));
  const small = body.length <= GZIP_ABOVE_BYTES;
  return {
    v: 1,
    endpoint: destination.endpoint,
    category: destination.category,
    query: destination.query.map(([name, value]): [string, string] => [name, value]),
    form: destination.form ?? 'line-protocol',
    encoding: small ? 'plain' : 'gzip',
    body: small ? body.toString() : (await deflate(body, { level: 1 })).toString('base64'),
    digest: createHash('sha256').update(body).digest('hex'),
    points: points.length,
    origins: [...origins],
    sinceMs,
    reason,
  };
}

/** @throws CorruptDeliveryError */
export async function loadDelivery(id: string, data: unknown): Promise<WaitingDelivery> {
  const job = parse(id, data);
  const body = await unpack(id, job);
  const digest = createHash('sha256').update(body).digest('hex');
  if (digest !== job.digest) throw new CorruptDeliveryError(id, 'its checksum does not match');
  const { endpoint, category, query, form, origins, sinceMs, reason } = job;
  const destination: Destination = { endpoint, category, query, form };
  const points = z.array(z.string()).parse(JSON.parse(body.toString()));
  if (points.length !== job.points)
    throw new CorruptDeliveryError(id, `it holds ${points.length} points, not ${job.points}`);
  return { destination, points, origins, sinceMs, reason };
}

function parse(id: string, data: unknown): DeliverJob {
  const parsed = deliverJobSchema.safeParse(data);
  if (!parsed.success) throw new CorruptDeliveryError(id, 'a part of it is missing', { cause: parsed.error });
  return parsed.data;
}

async function unpack(id: string, { encoding, body }: DeliverJob): Promise<Buffer> {
  if (encoding === 'plain') return Buffer.from(body);
  try {
    return await inflate(Buffer.from(body, 'base64'), { maxOutputLength: MAX_BODY_BYTES });
  } catch (cause) {
    throw new CorruptDeliveryError(id, 'it can not be unpacked', { cause });
  }
}
