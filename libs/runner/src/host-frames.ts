import { constants } from 'node:os';
import { z } from 'zod';
import { type Catalogue, catalogueSchema } from './catalogue.ts';
import { FrameError } from './errors.ts';
import type { FrameLimits } from './frame-decoder.ts';
import { frameType } from './frames.ts';
import { parseObject } from './json-text.ts';
import type { HostLimits } from './limits.ts';
import { count, measure, name, nanoseconds, text, u32 } from './schema-parts.ts';

const startedSchema = z.object({
  run: u32,
  pid: count,
  startedAtNs: nanoseconds,
  /** The name of its temporary folder below the host's `tmpRoot`; older hosts do not say. */
  tmp: z
    .string()
    .regex(/^run-\d{1,9}$/)
    .nullish(),
});

export const endCauses = ['exited', 'timed-out', 'cancelled', 'lease', 'result-limit', 'refused'] as const;

const endedSchema = z.object({
  run: u32,
  cause: z.enum(endCauses),
  message: text(4_096).nullish(),
  exitCode: z.int().nullable(),
  /** As the kernel numbers them, or by name. */
  signal: z
    .union([z.int().min(1).max(64), name(32)])
    .nullable()
    .transform(signalName),
  startedAtNs: nanoseconds.nullish(),
  endedAtNs: nanoseconds.nullish(),
  forkMs: measure.default(0),
  runMs: measure.default(0),
  cpuMs: measure.default(0),
  maxRssKb: measure.default(0),
  stdout: z.string().default(''),
  stderr: z.string().default(''),
  stdoutBytes: count.default(0),
  stderrBytes: count.default(0),
  strays: count.default(0),
});

const fatalSchema = z.object({ code: name(64), message: text(4_096), traceback: text(65_536).nullish() });

export type Started = z.infer<typeof startedSchema>;
export type Ended = z.infer<typeof endedSchema>;
export type Fatal = z.infer<typeof fatalSchema>;

/** A frame from a host, read. The bytes of `result` and `output` are only good during the call that got them. */
export type HostFrame =
  | { readonly type: 'ready'; readonly catalogue: Catalogue }
  | { readonly type: 'started'; readonly started: Started }
  | { readonly type: 'result'; readonly run: number; readonly bytes: Buffer }
  | { readonly type: 'output'; readonly run: number; readonly stream: Stream; readonly bytes: Buffer }
  | { readonly type: 'ended'; readonly ended: Ended }
  | { readonly type: 'fatal'; readonly fatal: Fatal };
export type Stream = 'stdout' | 'stderr';

const KIB = 1024;
const MIB = 1024 * KIB;
/** A byte of output may take six characters of JSON, `�`. */
const JSON_BYTES_PER_BYTE = 6;

/**
 * The largest N by type. Narrower than the protocol's 17 MiB where a frame is parsed or held: so a host can't
 * make the worker hold more than a few dozen MiB, what is parsed of it included. A piece of result or output is what one read of a pipe gave.
 */
export function hostFrameLimits(limits: HostLimits): FrameLimits {
  const ended = 64 * KIB + 2 * JSON_BYTES_PER_BYTE * limits.outputKeptBytes;
  return (type) => {
    switch (type) {
      case frameType.result:
      case frameType.output:
        return MIB + 16;
      case frameType.ended:
        return ended;
      case frameType.started:
        return 4 * KIB;
      case frameType.ready:
        return 8 * MIB;
      case frameType.fatal:
        return MIB;
      default:
        return 0;
    }
  };
}

/** Reads one frame from a host; throws a {@link FrameError} when it is not as the protocol says. */
export function readHostFrame(type: number, payload: Buffer): HostFrame {
  switch (type) {
    case frameType.ready:
      return { type: 'ready', catalogue: check('ready', catalogueSchema, payload) };
    case frameType.started:
      return { type: 'started', started: check('started', startedSchema, payload) };
    case frameType.result:
      return { type: 'result', run: runOf(payload, 4), bytes: payload.subarray(4) };
    case frameType.output:
      return {
        type: 'output',
        run: runOf(payload, 5),
        stream: streamOf(payload),
        bytes: payload.subarray(5),
      };
    case frameType.ended:
      return { type: 'ended', ended: check('ended', endedSchema, payload) };
    case frameType.fatal:
      return { type: 'fatal', fatal: check('fatal', fatalSchema, payload) };
    default:
      throw new FrameError('unknown-type', `a frame of type ${type} from a host`);
  }
}

const signalNames = new Map<number, string>(
  Object.entries(constants.signals).map(([signal, number]) => [number, signal]),
);

function signalName(signal: number | string | null): string | null {
  return typeof signal === 'number' ? (signalNames.get(signal) ?? `signal ${signal}`) : signal;
}

function runOf(payload: Buffer, headerBytes: number): number {
  if (payload.length < headerBytes) throw new FrameError('does-not-fit', 'a binary frame without its run');
  return payload.readUInt32BE(0);
}

function streamOf(payload: Buffer): Stream {
  const stream = payload[4];
  if (stream === 1) return 'stdout';
  if (stream === 2) return 'stderr';
  throw new FrameError('does-not-fit', `output of stream ${stream}`);
}

/** Parses and checks a JSON payload. */
export function check<T>(what: string, schema: z.ZodType<T>, payload: Buffer): T {
  const parsed = schema.safeParse(parseObject(payload));
  if (parsed.success) return parsed.data;
  throw new FrameError('does-not-fit', `"${what}": ${issueOf(parsed.error)}`, { cause: parsed.error });
}

export function issueOf(error: z.ZodError): string {
  const issue = error.issues[0];
  return issue ? `${issue.path.join('.') || 'payload'}: ${issue.message}` : 'is not as it has to be';
}
