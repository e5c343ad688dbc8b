import { refusalHints, refusalSchema } from '@pythond/sandbox';
import { z } from 'zod';
import { codeAndMessage, count, measure, name, text } from './schema-parts.ts';

const MAX_COLLECTORS = 10_000;
const PATH_CHARS = 4_096;
const IDENTIFIER_CHARS = 1_024;

const collectorSchema = z.object({
  key: name(PATH_CHARS + 2 * IDENTIFIER_CHARS),
  module: name(IDENTIFIER_CHARS),
  dir: name(PATH_CHARS),
  class: name(IDENTIFIER_CHARS),
  name: text(256),
  /** Seconds. */
  interval: z.number().positive(),
  timeout: z.number().positive().nullable(),
  isolation: z.enum(['auto', 'run', 'resident']).nullable(),
  warnings: z.array(codeAndMessage).max(100),
});

const failureSchema = z
  .object({
    module: name(IDENTIFIER_CHARS),
    dir: name(PATH_CHARS),
    file: name(PATH_CHARS).nullable(),
    class: name(IDENTIFIER_CHARS).nullable(),
    type: text(256),
    message: text(16_384),
    traceback: text(65_536),
    hint: text(4_096).nullable(),
    /** What the sandbox refused it: told as a hint. Older hosts do not say. */
    refused: z.array(refusalSchema).max(100).nullish(),
  })
  .transform(({ refused, hint, ...failure }) => {
    const hints = [...(hint === null ? [] : [hint]), ...refusalHints(refused ?? [])];
    const wantsListen = refused?.some(({ key }) => key === 'listen') ?? false;
    return { ...failure, hint: hints.join('; ') || null, ...(wantsListen ? { wantsListen } : {}) };
  });
export const failuresSchema = z.array(failureSchema).max(MAX_COLLECTORS);

/**
 * The payload of `ready`: what a host found in the modules it was told to import. Its `collectors` and `failures`
 * have the form that libs/jobs stores.
 */
export const catalogueSchema = z.object({
  protocol: z.literal(1),
  python: z.object({ version: name(128), executable: name(PATH_CHARS), prefix: name(PATH_CHARS) }),
  importMs: measure,
  /** How many threads the imports left. */
  threads: count,
  collectors: z
    .array(collectorSchema)
    .max(MAX_COLLECTORS)
    .refine((found) => new Set(found.map(({ key }) => key)).size === found.length, 'a key twice'),
  failures: failuresSchema,
  warnings: z.array(codeAndMessage).max(1_000),
  /** What the imports left that runs in processes of their own don't share: threads, connections. Older hosts do not say. */
  leavings: z.array(codeAndMessage).max(100).default([]),
  /** What the imports printed. */
  stdout: text(262_144),
  stderr: text(262_144),
});
export type Catalogue = z.infer<typeof catalogueSchema>;
