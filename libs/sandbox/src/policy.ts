import { z } from 'zod';

const MIB = 1024 * 1024;

/** What the sizes and counts of a policy may be. A run of less memory than this could not start Python. */
export const policyLimits = {
  memoryBytes: { min: 16 * MIB, max: Number.MAX_SAFE_INTEGER },
  tmpBytes: { min: MIB, max: Number.MAX_SAFE_INTEGER },
  maxProcesses: { min: 1, max: 32_768 },
  maxOpenFiles: { min: 16, max: 1_048_576 },
} as const;

const within = ({ min, max }: { readonly min: number; readonly max: number }) =>
  z.number().int().min(min).max(max);

/**
 * What a run may do, as one input's block of `conf.d` says it and as the Python host is told it.
 *
 * Sizes are bytes, times milliseconds. The defaults are those under which collectors written for DataKit's
 * own `pythond` run unchanged: TCP and UDP outwards, subprocesses, reading `/proc` and `/sys`.
 */
export const policySchema = z.object({
  /** `strict` confines; `none` runs with the worker's own rights and has to be asked for. */
  sandbox: z.enum(['strict', 'none']).default('strict'),
  /** Outward TCP and UDP. */
  network: z.boolean().default(true),
  /** fork, exec, threads' own processes. */
  subprocess: z.boolean().default(true),
  /** Unix-domain sockets (`/var/run/docker.sock`, say). */
  unixSockets: z.boolean().default(false),
  /** Accepting connections. */
  listen: z.boolean().default(false),
  /** Absolute paths readable besides the system's libraries and the bundle. */
  readPaths: z.array(z.string()).default([]),
  /** Absolute paths writable besides the private temporary folder. */
  writePaths: z.array(z.string()).default([]),
  /** Resident memory of the whole process tree of a run, bytes. */
  memoryBytes: within(policyLimits.memoryBytes).default(512 * MIB),
  /** CPU time of a run, milliseconds; null: as long as its time-out. */
  cpuMs: z.number().int().positive().nullable().default(null),
  maxProcesses: within(policyLimits.maxProcesses).default(256),
  maxOpenFiles: within(policyLimits.maxOpenFiles).default(1024),
  /** The private temporary folder of a run, bytes. */
  tmpBytes: within(policyLimits.tmpBytes).default(256 * MIB),
  /** The uid or user name to run as; null: one of the bundle's own. */
  user: z.string().nullable().default(null),
  /** Names of worker variables that `$NAME` in `envs` may expand to, besides the built-in list. */
  envAllow: z.array(z.string()).default([]),
});

export type Policy = z.infer<typeof policySchema>;

/** The policy of a block that sets none of the policy's keys. */
export const defaultPolicy: Policy = policySchema.parse({});
