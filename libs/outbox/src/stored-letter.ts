import { createHash } from 'node:crypto';
import { type DeadLetter, deadLetterSchema } from '@pythond/jobs';
import { type Content, type Found, pack, unpack } from './content.ts';
import { CorruptDeliveryError } from './errors.ts';

/** Which of the ledger's states a letter's points are in. */
export type LetterState = 'dead' | 'late';

export function stateOf({ reason }: DeadLetter): LetterState {
  return reason.code === 'late' ? 'late' : 'dead';
}

export async function packLetter(letter: DeadLetter): Promise<Content> {
  const { body, ...meta } = letter;
  return pack(meta, body, letter.origins);
}

/** @throws CorruptDeliveryError */
export async function unpackLetter(id: string, found: Found): Promise<DeadLetter> {
  const { meta, body } = await unpack(id, found);
  const parsed = deadLetterSchema.safeParse({ ...meta, body });
  if (!parsed.success) throw new CorruptDeliveryError(id, 'a part of it is missing');
  return parsed.data;
}

/** A letter's id is its content, and its place among those of its run: the same refusal met again is the same letter. */
export function letterId({ reason, category, body, origins }: DeadLetter, index: number): string {
  const runs = origins.map(({ run }) => run);
  return createHash('sha256')
    .update(JSON.stringify([reason.code, category, body, runs, index]))
    .digest('hex')
    .slice(0, 32);
}
