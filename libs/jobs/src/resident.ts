import { z } from 'zod';
import { collectorRecordSchema } from './collector.ts';
import { open } from './open-record.ts';

/** Why a collector runs as a resident. `asked`: its block or its class says so. */
export const residentReasonSchema = open({ code: z.string(), message: z.string() });
export type ResidentReason = z.infer<typeof residentReasonSchema>;

/** What one resident process holds: the resident collectors of one version of an input, those of one host where they have one. */
export const residentPlanSchema = open({
  v: z.literal(1),
  input: z.string().min(1),
  number: z.number().int().positive(),
  pool: z.string(),
  /** Of `scope = "host"`: on whose workers alone it runs. */
  host: z.string().optional(),
  collectors: z.array(collectorRecordSchema),
});
export type ResidentPlan = z.infer<typeof residentPlanSchema>;
