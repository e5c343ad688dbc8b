import { z } from 'zod';
import type { CollectorId } from './ids.ts';
import { open } from './open-record.ts';

/** What a host found in one class, as the worker that discovered it reports it. */
export const foundCollectorSchema = open({
  key: z.string(),
  module: z.string(),
  dir: z.string(),
  class: z.string(),
  name: z.string(),
  /** Seconds. */
  interval: z.number().positive(),
  timeout: z.number().positive().nullable(),
  isolation: z.enum(['auto', 'run', 'resident']).nullable(),
  warnings: z.array(z.object({ code: z.string(), message: z.string() })),
});
export type FoundCollector = z.infer<typeof foundCollectorSchema>;

export const moduleFailureSchema = open({
  module: z.string(),
  dir: z.string(),
  file: z.string().nullable(),
  class: z.string().nullable(),
  type: z.string(),
  message: z.string(),
  traceback: z.string(),
  hint: z.string().nullable(),
  /** True when the sandbox refused it listen(), which residents have. Workers of earlier versions do not say. */
  wantsListen: z.boolean().optional(),
});
export type ModuleFailure = z.infer<typeof moduleFailureSchema>;

/** A collector as the registry holds it and as a worker runs it. */
export const collectorRecordSchema = open({
  v: z.literal(1),
  id: z.string().transform((id) => id as CollectorId),
  input: z.string(),
  /** The number of the input record that it belongs to. */
  inputNumber: z.number().int().positive(),
  /** The host's name for it. */
  key: z.string(),
  module: z.string(),
  class: z.string(),
  name: z.string(),
  everyMs: z.number().int().positive(),
  timeoutMs: z.number().int().positive(),
  paused: z.boolean(),
  /** Milliseconds within the interval at which its ticks are due; 1 ≤ offset < every. */
  offsetMs: z.number().int().nonnegative(),
  pool: z.string(),
  /** What its block or class asks for. Records of earlier versions do not say. */
  isolation: z.enum(['auto', 'run', 'resident']).optional(),
  /** Set: it runs in the resident process of its input, and this is why. */
  resident: open({ code: z.string(), message: z.string() }).nullish(),
  /** Of `scope = "host"`: the host that it is about, and on whose workers alone it runs. */
  host: z.string().optional(),
});
export type CollectorRecord = z.infer<typeof collectorRecordSchema>;
