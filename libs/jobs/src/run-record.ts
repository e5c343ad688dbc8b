import { z } from 'zod';
import { open } from './open-record.ts';

/**
 * How a run ended. The first reason wins: a run that was killed and raised on its way out was killed.
 * `skipped`, `lost` and `gone` are ticks for which nothing ran; `running` is a run that goes on.
 */
export const outcomeSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('succeeded') }),
  z.object({ kind: z.literal('failed'), reason: z.enum(['raised', 'died', 'host', 'frame', 'unavailable']) }),
  z.object({ kind: z.literal('timed-out') }),
  z.object({
    kind: z.literal('killed'),
    reason: z.enum([
      'lease',
      'stopping',
      'result-limit',
      'points-limit',
      'cancelled',
      'host',
      'memory',
      'cpu',
      'tmp',
      'processes',
    ]),
  }),
  z.object({ kind: z.literal('skipped'), reason: z.enum(['overlap', 'paused', 'gone', 'expired']) }),
  z.object({ kind: z.literal('lost') }),
  /** Only of a resident, and only until its run() returns: such a record is no history yet. */
  z.object({ kind: z.literal('running') }),
]);
export type Outcome = z.infer<typeof outcomeSchema>;

export const runErrorSchema = open({ type: z.string(), message: z.string(), traceback: z.string() });
export type RunError = z.infer<typeof runErrorSchema>;

export const runWarningSchema = open({
  code: z.string(),
  message: z.string(),
  /** How often; a warning that repeats is stored once. */
  count: z.number().int().positive().optional(),
});
export type RunWarning = z.infer<typeof runWarningSchema>;

/** One run, as the history keeps it. Times are milliseconds since 1970, durations milliseconds. */
export const runRecordSchema = open({
  v: z.literal(1),
  id: z.string(),
  collector: z.string(),
  kind: z.enum(['grid', 'first', 'manual']),
  dueMs: z.number(),
  startedMs: z.number(),
  endedMs: z.number(),
  attempt: z.number().int().positive(),
  worker: z.string(),
  outcome: outcomeSchema,
  /** The confinement that it ran under. */
  sandbox: z.enum(['strict', 'none']),
  phases: z.object({
    /** due → taken from the queue */
    lagMs: z.number(),
    /** taken → host ready to fork */
    prepareMs: z.number(),
    forkMs: z.number(),
    runMs: z.number(),
    normaliseMs: z.number(),
    deliverMs: z.number(),
  }),
  cpuMs: z.number(),
  maxRssKb: z.number(),
  points: z.object({
    reported: z.number().int(),
    /** accepted by DataKit before the job completed */
    delivered: z.number().int(),
    /** handed to the deliver queue */
    queued: z.number().int(),
    /** refused for good, each a dead letter */
    dead: z.number().int(),
  }),
  warnings: z.array(runWarningSchema),
  error: runErrorSchema.nullable(),
  /** What to do about it, where we know. */
  hint: z.string().nullable(),
  stdout: z.string(),
  stderr: z.string(),
  stdoutBytes: z.number().int(),
  stderrBytes: z.number().int(),
  /** A run of a resident: one call of run() in a process that stays. Records of earlier versions do not say. */
  resident: z.boolean().optional(),
});
export type RunRecord = z.infer<typeof runRecordSchema>;
