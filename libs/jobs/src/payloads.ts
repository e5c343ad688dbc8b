import { z } from 'zod';
import { foundCollectorSchema, moduleFailureSchema } from './collector.ts';
import { open } from './open-record.ts';

/**
 * A tick. The collector's id and nothing else: no code, no path, no secret travels in a job template, and what the
 * worker runs is always the newest the registry has.
 */
export const collectJobSchema = open({ collector: z.string().min(1) });
export type CollectJob = z.infer<typeof collectJobSchema>;

/** "Import this version of this input and say what is in it." */
export const discoverJobSchema = open({ input: z.string().min(1), number: z.number().int().positive() });
export type DiscoverJob = z.infer<typeof discoverJobSchema>;

/** What a worker found, for the scheduler that leads. */
export const discoverySchema = open({
  input: z.string().min(1),
  number: z.number().int().positive(),
  worker: z.string(),
  python: z.object({ version: z.string(), executable: z.string() }).nullable(),
  collectors: z.array(foundCollectorSchema),
  failures: z.array(moduleFailureSchema),
  /** Why nothing could be imported at all (the interpreter does not start, say). */
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
  warnings: z.array(z.object({ code: z.string(), message: z.string() })),
});
export type Discovery = z.infer<typeof discoverySchema>;

/** Where a report came from, carried to the dead letter if it gets that far. */
export const originSchema = open({
  collector: z.string(),
  run: z.string(),
  dueMs: z.number(),
  /** How many points of the delivery are from there, in order. */
  points: z.number().int().positive(),
});
export type Origin = z.infer<typeof originSchema>;

/** How points are written: one a line, or (the few that no line can hold as they were meant) objects of a JSON array. */
export const pointFormSchema = z.enum(['line-protocol', 'json']);
export type PointForm = z.infer<typeof pointFormSchema>;

/** "Try this delivery again." What it holds is kept beside the queue, where it and its count move in one step. */
export const deliverJobSchema = open({
  v: z.literal(2),
  delivery: z.string().min(1),
  /** For people who look at the queue. */
  endpoint: z.string(),
  category: z.string(),
  points: z.number().int().positive(),
});
export type DeliverJob = z.infer<typeof deliverJobSchema>;

/** An earlier death of points that were replayed since. */
export const deathSchema = open({
  code: z.string(),
  message: z.string(),
  attempts: z.number().int().nonnegative(),
  deadMs: z.number(),
  replayedMs: z.number(),
});
export type PastDeath = z.infer<typeof deathSchema>;

/** A batch that was not accepted yet, without its points. */
export const deliveryMetaSchema = open({
  v: z.literal(1),
  /** The DataKit, an origin such as `http://127.0.0.1:9529`. */
  endpoint: z.string(),
  category: z.string(),
  /** The query's parameters besides precision, in order. */
  query: z.array(z.tuple([z.string(), z.string()])),
  form: pointFormSchema,
  points: z.number().int().positive(),
  origins: z.array(originSchema),
  /** When it was first refused, milliseconds. */
  sinceMs: z.number(),
  /** How often it was sent before it waited; earlier versions do not say. */
  tries: z.number().int().nonnegative().optional(),
  /** What the last try met. */
  reason: z.string(),
  history: z.array(deathSchema),
  /** The id of the dead letter that it was. */
  letter: z.string().optional(),
});
export type DeliveryMeta = z.infer<typeof deliveryMetaSchema>;

/** Points refused for good. */
export const deadLetterSchema = z.object({
  v: z.literal(1),
  reason: z.object({ code: z.string(), message: z.string() }),
  /** DataKit's answer, where there was one. */
  answer: z.object({ status: z.number().int(), body: z.string() }).nullable(),
  /** Where they were to go; null where no place could be made out. */
  endpoint: z.string().nullable(),
  category: z.string(),
  query: z.array(z.tuple([z.string(), z.string()])),
  /** As they were sent, or would have been; `reported` where they could not be encoded: as the script reported them. */
  form: z.enum([...pointFormSchema.options, 'reported']),
  /** Line protocol, or a JSON array. */
  body: z.string(),
  points: z.number().int().positive(),
  origins: z.array(originSchema),
  /** How often they were sent in vain; 0 when they were refused before. */
  attempts: z.number().int().nonnegative(),
  sinceMs: z.number(),
  deadMs: z.number(),
  /** What they died of before, oldest first: they were replayed in between. */
  history: z.array(deathSchema),
});
export type DeadLetter = z.infer<typeof deadLetterSchema>;
