import { sign, verify } from 'node:crypto';
import { z } from 'zod';
import type { SealingKey, TrustedKey } from './seal-key.ts';

/** What a sealed text is, without a line break: one that was sealed as one kind is never taken for another. */
export type SealedKind = 'input record' | `published ${string}`;

/**
 * What stands beside a text that workers act on. The signature covers the kind, all other fields and the very bytes of
 * the text, so that nothing has to be written anew to be checked.
 */
const sealSchema = z.object({
  v: z.literal(1),
  /** The id of the key. */
  key: z.string().regex(/^[0-9a-f]{16}$/),
  /** When the text was first sealed, milliseconds since 1970; a renewed seal keeps it. What is older was replaced. */
  madeMs: z.number().int().nonnegative(),
  /** Until when it may be acted on, milliseconds since 1970. */
  endsMs: z.number().int().nonnegative(),
  /** Ed25519, base64. */
  signature: z.string().max(128),
});
export type Seal = z.infer<typeof sealSchema>;

/** What is to be sealed. */
export interface Sealable {
  readonly kind: SealedKind;
  readonly text: string;
}

/** `missing`: it has none. `malformed`: what it has is none. `unknown-key`: by nobody who is trusted. `wrong`: of something else. */
export type SealCheck =
  | { readonly ok: true; readonly seal: Seal }
  | { readonly ok: false; readonly fault: 'missing' | 'malformed' }
  | { readonly ok: false; readonly fault: 'unknown-key' | 'wrong'; readonly key: string };

export function makeSeal(
  what: Sealable,
  times: Pick<Seal, 'madeMs' | 'endsMs'>,
  { id, privateKey }: SealingKey,
): Seal {
  const unsigned = { v: 1 as const, key: id, madeMs: times.madeMs, endsMs: times.endsMs };
  return { ...unsigned, signature: sign(null, signedBytes(what, unsigned), privateKey).toString('base64') };
}

/** Says who sealed a text, and until when; nothing of the times is judged here. */
export function checkSeal(
  what: Sealable,
  written: string | null,
  trusted: readonly Pick<TrustedKey, 'id' | 'publicKey'>[],
): SealCheck {
  if (written === null) return { ok: false, fault: 'missing' };
  const seal = readSeal(written);
  if (!seal) return { ok: false, fault: 'malformed' };
  const key = trusted.find(({ id }) => id === seal.key);
  if (!key) return { ok: false, fault: 'unknown-key', key: seal.key };
  const signature = Buffer.from(seal.signature, 'base64');
  const isRight = verify(null, signedBytes(what, seal), key.publicKey, signature);
  return isRight ? { ok: true, seal } : { ok: false, fault: 'wrong', key: seal.key };
}

/** The fields before the text hold no line break, and the text is last: no two seals have the same bytes. */
function signedBytes({ kind, text }: Sealable, { v, key, madeMs, endsMs }: Omit<Seal, 'signature'>): Buffer {
  return Buffer.from(`pythond ${kind} ${v}\n${key}\n${madeMs}\n${endsMs}\n${text}`, 'utf8');
}

function readSeal(written: string): Seal | null {
  try {
    return sealSchema.parse(JSON.parse(written));
  } catch {
    return null;
  }
}
