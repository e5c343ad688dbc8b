import { createHash } from 'node:crypto';

declare const brand: unique symbol;
type Brand<Name extends string> = string & { readonly [brand]: Name };

/** `input/dir/module:Class`, readable and stable. */
export type CollectorId = Brand<'CollectorId'>;
/** The id of a collector's Job Scheduler: base32 of the SHA-256 of its {@link CollectorId}, `[a-z2-7]{52}`. */
export type SchedulerId = Brand<'SchedulerId'>;
/** SHA-256 of a bundle's uncompressed archive, 64 lower-case hex digits. */
export type BundleDigest = Brand<'BundleDigest'>;
/** One execution: the id of its job, which names collector and due time, and the attempt. */
export type RunId = Brand<'RunId'>;

/** The id of a collector: what `ls` shows and every command takes. */
export function collectorId(input: string, dir: string, module: string, className: string): CollectorId {
  return `${input}/${dir}/${module}:${className}` as CollectorId;
}

/**
 * BullMQ keeps Job Scheduler ids and job ids in Redis keys that it splits at colons, so a collector's readable
 * id can't serve: its digest does.
 */
export function schedulerId(id: CollectorId): SchedulerId {
  return base32(createHash('sha256').update(id).digest()) as SchedulerId;
}

/** The id of the resident process of one version of an input, on one host where it has one on each: its plan and its lease have it. */
export function residentId(input: string, number: number, host?: string): string {
  const of = host === undefined ? '' : `\n${host}`;
  return base32(createHash('sha256').update(`resident\n${input}\n${number}${of}`).digest());
}

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';

function base32(bytes: Uint8Array): string {
  let bits = 0;
  let held = 0;
  let out = '';
  for (const byte of bytes) {
    held = (held << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      out += BASE32.charAt((held >> bits) & 31);
    }
    held &= (1 << bits) - 1;
  }
  return bits > 0 ? out + BASE32.charAt((held << (5 - bits)) & 31) : out;
}
