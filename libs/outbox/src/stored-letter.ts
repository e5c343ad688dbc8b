import { createHash } from 'node:crypto';
import { type DeadLetter, deadLetterSchema, refuseNewer } from '@pythond/jobs';
import { type Content, type Found, pack, unpack } from './content.ts';
import { CorruptDeliveryError } from './errors.ts';
import type { WaitingDelivery } from './stored-delivery.ts';

/** Which of the ledger's states a letter's points are in. */
export type LetterState = 'dead' | 'late';

export function stateOf({ reason }: DeadLetter): LetterState {
  return reason.code === 'late' ? 'late' : 'dead';
}

export async function packLetter(letter: DeadLetter): Promise<Content> {
  const { body, ...meta } = letter;
  return pack(meta, body, letter.origins);
}

/** @throws CorruptDeliveryError, or NewerRecordError for one that a newer version of the fleet made */
export async function unpackLetter(id: string, found: Found): Promise<DeadLetter> {
  const { meta, body } = await unpack(id, found);
  refuseNewer(deadLetterSchema, meta, `dead letter ${id}`);
  const parsed = deadLetterSchema.safeParse({ ...meta, body });
  if (!parsed.success) throw new CorruptDeliveryError(id, 'a part of it is missing');
  return parsed.data;
}

/**
 * The id of a letter of a run: its content, and its place among those of the run. A run of the same tick that meets the
 * same refusals again makes the same letters.
 */
export function letterId({ reason, category, body, origins }: DeadLetter, place: number): string {
  const runs = origins.map(({ run, dueMs }) => [run, dueMs]);
  return idOf([reason.code, category, body, runs, place]);
}

/** The id of a letter of a delivery: the delivery as it was tried, and the letter's place in it. */
export function settledLetterId(
  { id, letter, points }: Pick<WaitingDelivery, 'id' | 'letter' | 'points'>,
  digest: string,
  place: number,
): string {
  return letter !== undefined && points.length === 1 ? letter : idOf([letter ?? id, digest, place]);
}

function idOf(parts: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);
}
