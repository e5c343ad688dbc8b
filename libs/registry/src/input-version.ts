import { open } from '@pythond/jobs';
import { z } from 'zod';

/** Why a version does not take over: a module, a class or (`module` null) the whole input could not be imported. */
export const holdReasonSchema = open({
  module: z.string().nullable(),
  type: z.string(),
  message: z.string(),
});
export type HoldReason = z.infer<typeof holdReasonSchema>;

/** What made a version: files that were read, or somebody who asked for an earlier one, or for one as it is. */
export const versionCauses = ['files', 'rollback', 'promote'] as const;
export type VersionCause = (typeof versionCauses)[number];

/** What is known of a version besides its record. Times are milliseconds since 1970. */
export const versionFactsSchema = open({
  cause: z.enum(versionCauses),
  /** The version that it repeats. */
  from: z.number().int().positive().nullable(),
  /** The commit that its files came from, such as `shop@1a2b3c4d5e6f`. */
  commit: z.string().nullable(),
  madeMs: z.number(),
  /** When it took over; null: it never did. */
  tookOverMs: z.number().nullable(),
  held: open({ sinceMs: z.number(), reasons: z.array(holdReasonSchema) }).nullable(),
  /** Somebody asked to take it over as it is, whatever can't be imported. */
  forced: z.boolean(),
});
export type VersionFacts = z.infer<typeof versionFactsSchema>;

/**
 * Where a version is: `pending` (a worker imports it next) → `in-force` → `replaced`; or pending → `held` (what it lacks
 * is in {@link VersionFacts.held}; its predecessor goes on) → in-force when that was mended on the workers. A newer one
 * makes a pending or held one `superseded`.
 */
export type VersionState = 'pending' | 'in-force' | 'held' | 'replaced' | 'superseded';

export interface InputVersion extends VersionFacts {
  readonly number: number;
  readonly state: VersionState;
  readonly bundle: string;
  readonly pool: string;
  /** Equal for versions whose records say the same but for their numbers. */
  readonly fingerprint: string;
}

export function stateOf(
  facts: Pick<VersionFacts, 'held' | 'tookOverMs'>,
  { number, newest, inForce }: { number: number; newest: number; inForce: number | null },
): VersionState {
  if (number === inForce) return 'in-force';
  if (facts.tookOverMs !== null) return 'replaced';
  if (number !== newest) return 'superseded';
  return facts.held ? 'held' : 'pending';
}
