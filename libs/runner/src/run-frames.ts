import { type RunError, type RunWarning, runErrorSchema } from '@pythond/jobs';
import { type Refusal, refusalSchema } from '@pythond/sandbox';
import { z } from 'zod';
import { failuresSchema } from './catalogue.ts';
import { FrameError } from './errors.ts';
import type { FrameLimits } from './frame-decoder.ts';
import { frameType, MAX_FRAME_BYTES, MAX_STATE_BYTES } from './frames.ts';
import { check, issueOf } from './host-frames.ts';
import { splitObject, utf8 } from './json-text.ts';
import { codeAndMessage, count, measure, name, nanoseconds, text } from './schema-parts.ts';

interface ReportHeader {
  /** Which report call of the run, from 0. */
  readonly report: number;
  readonly category: string;
  readonly query: readonly (readonly [string, string])[];
  /** The script's own, or null when it names none. */
  readonly ip: string | null;
  readonly port: string | null;
  /** The moment of the report call. */
  readonly atNs: bigint;
  /** Of a resident: whose it is, as far as its process knows. */
  readonly collector?: string | null | undefined;
}

/** Points as the script passed them: JSON text as Python writes it, `NaN` and long integers included. */
export interface PointsReport extends ReportHeader {
  readonly kind: 'points';
  readonly points: string;
  /** Whether more points of the same report call follow. */
  readonly more: boolean;
}

/** A line-protocol body that the script posted itself. */
export interface RawReport extends ReportHeader {
  readonly kind: 'raw';
  readonly body: string;
}

export type Report = PointsReport | RawReport;

export interface LastError {
  readonly input: string;
  readonly content: string;
}

export type RunFrame =
  | { readonly type: 'report'; readonly report: Report }
  | { readonly type: 'lasterror'; readonly lastError: LastError }
  | { readonly type: 'warning'; readonly warning: RunWarning; readonly collector: string | null }
  | { readonly type: 'loaded'; readonly loaded: Loaded }
  | { readonly type: 'pass-began'; readonly began: PassBegan }
  | { readonly type: 'pass-ended'; readonly ended: PassEnded }
  /** `state` is only good during the call that got it. */
  | { readonly type: 'state'; readonly state: Buffer }
  | { readonly type: 'finished'; readonly error: RunError | null; readonly refused: readonly Refusal[] };

const MAX_KEY_CHARS = 8_192;
const address = z.union([name(1_024), z.number()]).nullable();
const headerShape = {
  /** A process that the script forked numbers its reports from its pid on. */
  report: count,
  category: z.string().regex(/^[a-z0-9_-]{1,64}$/i),
  query: z.record(name(1_024), name(16_384)),
  ip: address,
  port: address,
  at: nanoseconds,
  collector: name(MAX_KEY_CHARS).nullish(),
};
const rawSchema = z.object(headerShape);
const pointsSchema = z.object({ ...headerShape, more: z.boolean() });
const lastErrorSchema = z.object({ input: text(1_024), err_content: text(65_536) });
const errorSchema = runErrorSchema.extend({
  type: text(256),
  message: text(16_384),
  traceback: text(65_536),
});
const MAX_REFUSED = 100;
/** `refused`: older hosts do not say. */
const finishedSchema = z.object({
  error: errorSchema.nullable(),
  refused: z.array(refusalSchema).max(MAX_REFUSED).nullish(),
});

const warningSchema = codeAndMessage.extend({ collector: name(MAX_KEY_CHARS).nullish() });
const loadedSchema = z.object({
  /** Keys of the collectors that were built. */
  collectors: z.array(name(MAX_KEY_CHARS)).max(10_000),
  failures: failuresSchema,
  warnings: z.array(codeAndMessage).max(1_000),
});
const passShape = { collector: name(MAX_KEY_CHARS), pass: count, at: nanoseconds };
const passBeganSchema = z.object({ ...passShape, kind: z.enum(['first', 'grid']), dueMs: count });
const passEndedSchema = z.object({
  ...passShape,
  cpuMs: measure,
  error: errorSchema.nullable(),
  refused: z.array(refusalSchema).max(MAX_REFUSED).default([]),
});

/** A resident has imported its modules and built its collectors; what could not be built is among the failures. */
export type Loaded = z.infer<typeof loadedSchema>;
/** A resident calls run() of one of its collectors. */
export type PassBegan = z.infer<typeof passBeganSchema>;
export type PassEnded = z.infer<typeof passEndedSchema>;

const MIB = 1024 * 1024;
const MAX_HEADER_BYTES = 256 * 1024;

/** The largest N by type within a run's result; what is parsed whole is kept small. */
export const runFrameLimits: FrameLimits = (type) => {
  switch (type) {
    case frameType.report:
    case frameType.raw:
      return MAX_FRAME_BYTES;
    case frameType.lastError:
    case frameType.warning:
    case frameType.finished:
    case frameType.passBegan:
    case frameType.passEnded:
      return MIB;
    case frameType.loaded:
      return 8 * MIB;
    case frameType.newState:
      return 1 + MAX_STATE_BYTES;
    default:
      return 0;
  }
};

/** Reads one frame of a run's result; throws a {@link FrameError} when it is not as the protocol says. */
export function readRunFrame(type: number, payload: Buffer): RunFrame {
  switch (type) {
    case frameType.report:
      return { type: 'report', report: readPoints(payload) };
    case frameType.raw:
      return { type: 'report', report: readRaw(payload) };
    case frameType.lastError: {
      const { input, err_content: content } = check('lasterror', lastErrorSchema, payload);
      return { type: 'lasterror', lastError: { input, content } };
    }
    case frameType.warning:
      return readWarning(payload);
    case frameType.loaded:
      return { type: 'loaded', loaded: check('loaded', loadedSchema, payload) };
    case frameType.passBegan:
      return { type: 'pass-began', began: check('pass-began', passBeganSchema, payload) };
    case frameType.passEnded:
      return { type: 'pass-ended', ended: check('pass-ended', passEndedSchema, payload) };
    case frameType.newState:
      return { type: 'state', state: payload };
    case frameType.finished:
      return readFinished(payload);
    default:
      throw new FrameError('unknown-type', `a frame of type ${type} in a run's result`);
  }
}

function readWarning(payload: Buffer): RunFrame {
  const { collector, ...warning } = check('warning', warningSchema, payload);
  return { type: 'warning', warning, collector: collector ?? null };
}

function readFinished(payload: Buffer): RunFrame {
  const { error, refused } = check('finished', finishedSchema, payload);
  return { type: 'finished', error, refused: refused ?? [] };
}

/**
 * The points stay JSON text: only the normaliser's parser keeps their integers and NaN, and it counts them
 * before it makes objects of them. Cutting them out costs 1.6 ns a byte, far less than any parse.
 */
function readPoints(payload: Buffer): PointsReport {
  const { rest, from, to } = splitObject(payload, 'points', MAX_HEADER_BYTES);
  const parsed = pointsSchema.safeParse(rest);
  if (!parsed.success) throw misshapen('report', parsed.error);
  return {
    kind: 'points',
    ...header(parsed.data),
    points: utf8(payload, from, to),
    more: parsed.data.more,
  };
}

function readRaw(payload: Buffer): RawReport {
  const { rest, from, to } = splitObject(payload, 'body', MAX_HEADER_BYTES);
  const parsed = rawSchema.safeParse(rest);
  if (!parsed.success) throw misshapen('raw', parsed.error);
  const text = utf8(payload, from, to);
  if (!text.startsWith('"')) throw new FrameError('does-not-fit', '"raw": body: not a string');
  return { kind: 'raw', ...header(parsed.data), body: bodyOf(text) };
}

function bodyOf(text: string): string {
  try {
    return JSON.parse(text) as string;
  } catch (cause) {
    throw new FrameError('bad-json', '"raw": body: not a JSON string', { cause });
  }
}

function header(parsed: z.infer<typeof rawSchema>): ReportHeader {
  const { report, category, query, ip, port, at, collector } = parsed;
  return {
    report,
    category,
    query: Object.entries(query),
    ip: ip === null ? null : String(ip),
    port: port === null ? null : String(port),
    atNs: at,
    ...(collector === undefined ? {} : { collector }),
  };
}

function misshapen(what: string, error: z.ZodError): FrameError {
  return new FrameError('does-not-fit', `"${what}": ${issueOf(error)}`, { cause: error });
}
