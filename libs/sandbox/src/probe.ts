import { z } from 'zod';

const text = z.string().max(4_096);

/** What a Python host found that it can confine, by trying: the answer of `pythond_host.py --probe`. */
export const sandboxProbeSchema = z.object({
  /** 0: the kernel has no Landlock. */
  landlockAbi: z.number().int().min(0),
  seccomp: z.boolean(),
  dropUid: z.boolean(),
  dropCapabilities: z.boolean(),
  /** Whether every promise of `strict` can be kept. */
  strict: z.boolean(),
  missing: z.array(z.object({ what: text, remedy: text })).max(50),
  arch: text,
});
export type SandboxProbe = z.infer<typeof sandboxProbeSchema>;

/** The first ABI of Landlock that keeps signals within a domain. */
const SIGNAL_SCOPE_ABI = 6;

/**
 * Whether hosts need a uid of their own here: without Landlock's signal scope a run could kill whoever has the same
 * uid, its worker included.
 */
export function needsOwnUid({ landlockAbi }: Pick<SandboxProbe, 'landlockAbi'>): boolean {
  return landlockAbi < SIGNAL_SCOPE_ABI;
}

/** The level in a few words, for the first lines of a start. */
export function describeProbe({ landlockAbi, seccomp }: SandboxProbe): string {
  return `strict (Landlock ABI ${landlockAbi}${seccomp ? ', seccomp' : ''})`;
}
