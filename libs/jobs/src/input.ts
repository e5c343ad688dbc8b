import { type Policy, policySchema } from '@pythond/sandbox';
import { z } from 'zod';
import type { BundleDigest } from './ids.ts';
import { open } from './open-record.ts';

export const isolations = ['auto', 'run', 'resident'] as const;
export type Isolation = (typeof isolations)[number];

/** Where a block of `conf.d` stands, for messages. `block` counts the file's pythond blocks from 1. */
export interface InputSource {
  readonly file: string;
  readonly block: number;
  readonly line: number;
}

/** One `[[inputs.pythond]]` block, read and checked: what the user asked for, before any file was looked at. */
export interface InputDefinition {
  /** Unique in the fleet: the name, else `name@conf-file`, else that with `-2`. */
  readonly key: string;
  readonly name: string;
  readonly source: InputSource;
  /** As written; found on the worker's PATH. */
  readonly cmd: string;
  /** As written: relative to `python.d`, or absolute; folders or single `.py` files. */
  readonly dirs: readonly string[];
  /** Further files for the bundle, absolute or relative to the home. */
  readonly files: readonly string[];
  /** `KEY=value`, raw: expanded on the worker. null: the block has no `envs`. */
  readonly envs: readonly string[] | null;
  readonly tags: Readonly<Record<string, string>>;
  readonly intervalMs: number | null;
  readonly timeoutMs: number | null;
  readonly isolation: Isolation | null;
  readonly scope: 'fleet' | 'host';
  readonly state: boolean;
  readonly pool: string;
  /** The DataKit of this input, an origin such as `http://10.0.0.5:9529`; null: the worker's own. */
  readonly datakit: string | null;
  /** `host:port` patterns that a script may name; null: any when the network is allowed. */
  readonly destinations: readonly string[] | null;
  readonly align: boolean;
  readonly paused: boolean;
  readonly integers: 'float' | 'int';
  readonly policy: Policy;
}

/** A Python module of a bundle. `file` and `root` are paths within the bundle, with `/`. */
export const moduleRefSchema = open({
  name: z.string().min(1),
  file: z.string().min(1),
  root: z.string(),
  /** The entry of `dirs` it came from, as the user wrote it, without a trailing slash. */
  dir: z.string(),
});
export type ModuleRef = z.infer<typeof moduleRefSchema>;

/**
 * What workers act on: everything of an input that a run needs, and nothing secret. A new number is a new
 * version; a roll-back is a new number too.
 */
export const inputRecordSchema = open({
  v: z.literal(1),
  key: z.string().min(1),
  number: z.number().int().positive(),
  name: z.string(),
  cmd: z.string(),
  envs: z.array(z.string()).nullable(),
  bundle: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .transform((digest) => digest as BundleDigest),
  modules: z.array(moduleRefSchema),
  /** Paths within the bundle that user code may import from, in the order of `dirs`. */
  roots: z.array(z.string()),
  tags: z.record(z.string(), z.string()),
  isolation: z.enum(isolations),
  state: z.boolean(),
  pool: z.string(),
  datakit: z.string().nullable(),
  destinations: z.array(z.string()).nullable(),
  integers: z.enum(['float', 'int']),
  policy: policySchema,
  /** What the block says of when to run; null where it leaves it to the class. */
  intervalMs: z.number().int().positive().nullable(),
  timeoutMs: z.number().int().positive().nullable(),
  align: z.boolean(),
  paused: z.boolean(),
  scope: z.enum(['fleet', 'host']),
});
export type InputRecord = z.infer<typeof inputRecordSchema>;
