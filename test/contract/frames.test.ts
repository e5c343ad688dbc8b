import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  defaultHostLimits,
  encodeFrame,
  encodeJsonFrame,
  encodeStateFrame,
  FrameDecoder,
  FrameError,
  frameType,
  type HostFrame,
  hostFrameLimits,
  MAX_FRAME_BYTES,
  type RunFrame,
  readHostFrame,
  readRunFrame,
  runFrameLimits,
} from '@pythond/runner';
import { describe, expect, it } from 'vitest';
import { parseObject } from '../../libs/runner/src/json-text.ts';

/** See frames/README.md. */
interface Golden {
  readonly name: string;
  readonly direction: 'to-host' | 'from-host' | 'from-run';
  readonly hex: string;
  readonly type?: string;
  readonly decoded?: Record<string, unknown>;
  readonly payload?: string;
  readonly frames?: readonly string[];
  readonly rest?: number;
  readonly error?: string;
}

interface Seen {
  readonly type: number;
  readonly payload: Buffer;
}

const folder = join(import.meta.dirname, 'frames');
const golden = readdirSync(folder)
  .filter((name) => name.endsWith('.json'))
  .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as Golden);
const named = (chosen: Golden[]) => chosen.map((one): [string, Golden] => [one.name, one]);

const typeOf = new Map(Object.entries(frameType).map(([name, type]) => [name.toLowerCase(), type as number]));
const nameOf = new Map([...typeOf].map(([name, type]) => [type, name]));

const toHost = new Set(['setup', 'run', 'renew', 'cancel', 'stop', 'state']);
const limits = {
  'to-host': (type: number) => (toHost.has(nameOf.get(type) ?? '') ? MAX_FRAME_BYTES : 0),
  'from-host': hostFrameLimits(defaultHostLimits),
  'from-run': runFrameLimits,
};
const readers: Record<Golden['direction'], (type: number, payload: Buffer) => HostFrame | RunFrame | object> = {
  'to-host': (type, payload) => (type === frameType.state ? readState(payload) : parseObject(payload)),
  'from-host': readHostFrame,
  'from-run': readRunFrame,
};

/** As the host reads it. */
function readState(payload: Buffer): { run: number; data: string } {
  if (payload.length < 4) throw new FrameError('does-not-fit', 'a state without its run');
  return { run: payload.readUInt32BE(0), data: payload.toString('hex', 4) };
}

/** Reads a stream that comes in these parts; returns its frames, and what is wrong with its end. */
function read(direction: Golden['direction'], ...parts: Buffer[]): { frames: Seen[]; end: string | null } {
  const frames: Seen[] = [];
  const decoder = new FrameDecoder(limits[direction], { held: 0, max: MAX_FRAME_BYTES });
  const sink = {
    onFrame(type: number, payload: Buffer) {
      readers[direction](type, payload);
      frames.push({ type, payload: Buffer.from(payload) });
    },
  };
  for (const part of parts) decoder.push(part, sink);
  try {
    decoder.end();
  } catch (error) {
    return { frames, end: (error as FrameError).message };
  }
  return { frames, end: null };
}

function everyCut(hex: string): Buffer[][] {
  const stream = Buffer.from(hex, 'hex');
  return Array.from({ length: stream.length + 1 }, (_, at) => [stream.subarray(0, at), stream.subarray(at)]);
}

function fingerprint({ frames, end }: ReturnType<typeof read>): string {
  return [...frames.map(({ type, payload }) => `${type} ${payload.toString('hex')}`), end].join('; ');
}

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof FrameError) return error.code;
    throw error;
  }
  return 'no error';
}

/** What was read, in the words of the golden file. */
function asDecoded(frame: HostFrame | RunFrame): Record<string, unknown> {
  switch (frame.type) {
    case 'ready':
      return { ...frame.catalogue };
    case 'started':
      return { ...frame.started };
    case 'ended':
      return { ...frame.ended };
    case 'fatal':
      return { ...frame.fatal };
    case 'result':
      return { run: frame.run, data: frame.bytes.toString('hex') };
    case 'output':
      return { run: frame.run, stream: frame.stream === 'stdout' ? 1 : 2, data: frame.bytes.toString('hex') };
    case 'state':
      return { data: frame.state.toString('hex') };
    case 'lasterror':
      return { input: frame.lastError.input, err_content: frame.lastError.content };
    case 'warning':
      return frame.collector === null ? { ...frame.warning } : { ...frame.warning, collector: frame.collector };
    case 'loaded':
      return { ...frame.loaded };
    case 'pass-began':
      return { ...frame.began };
    case 'pass-ended':
      return { ...frame.ended };
    case 'finished':
      return { error: frame.error };
    case 'report': {
      const { atNs: at, query, kind: _, ...rest } = frame.report;
      const points = 'points' in rest ? { points: JSON.parse(rest.points) } : {};
      return { ...rest, ...points, at, query: Object.fromEntries(query) };
    }
  }
}

/** Our reading leaves out what nobody may believe, takes times for big integers, and signals by name. */
function expected(golden: Record<string, unknown>): Record<string, unknown> {
  const { pid: _, ...rest } = golden;
  const changed = Object.entries(rest).map(([key, value]) => {
    if (/^(at|.*Ns)$/.test(key)) return [key, BigInt(value as string)];
    if (key === 'port' && typeof value === 'number') return [key, String(value)];
    if (key === 'signal' && value === 9) return [key, 'SIGKILL'];
    if (key === 'signal' && value === 15) return [key, 'SIGTERM'];
    return [key, value];
  });
  return Object.fromEntries(changed);
}

describe('a golden stream', () => {
  it('is there for every type of frame', () => {
    const types = new Set(golden.flatMap(({ type }) => (type ? [type] : [])));
    expect([...typeOf.keys()].filter((type) => !types.has(type))).toEqual([]);
  });

  it.each(named(golden.filter(({ error }) => !error)))('gives its frames however it is cut: %s', (_, one) => {
    const { direction, hex, type, frames, rest = 0 } = one;
    const stream = Buffer.from(hex, 'hex');
    const whole = read(direction, stream);
    expect(whole.frames.map((frame) => nameOf.get(frame.type))).toEqual(frames ?? [type]);
    expect(whole.end).toBe(rest === 0 ? null : `the stream ended ${rest} bytes into a frame`);
    const cuts = everyCut(hex).map((parts) => fingerprint(read(direction, ...parts)));
    expect(new Set(cuts)).toEqual(new Set([fingerprint(whole)]));
  });

  it.each(named(golden.filter(({ error }) => error)))('is refused for the right reason: %s', (_, one) => {
    const byteByByte = [...Buffer.from(one.hex, 'hex')].map((byte) => Buffer.from([byte]));
    const codes = [...everyCut(one.hex), byteByByte].map((parts) => codeOf(() => read(one.direction, ...parts)));
    expect(new Set(codes)).toEqual(new Set([one.error]));
  });

  it.each(named(golden.filter(({ decoded, direction }) => decoded && direction !== 'to-host')))(
    'is read as what it says: %s',
    (_, { direction, hex, decoded = {} }) => {
      const [frame] = read(direction, Buffer.from(hex, 'hex')).frames;
      const reading = readers[direction](frame?.type ?? 0, frame?.payload ?? Buffer.alloc(0));
      expect(asDecoded(reading as HostFrame | RunFrame)).toMatchObject(expected(decoded));
    },
  );

  it.each(named(golden.filter(({ direction, decoded }) => direction === 'to-host' && decoded)))(
    'is written as it stands: %s',
    (_, { type = '', hex, decoded = {} }) => {
      const { run, data } = decoded;
      const frame =
        type === 'state'
          ? encodeStateFrame(Number(run), Buffer.from(String(data), 'hex'))
          : encodeJsonFrame(typeOf.get(type) ?? 0, decoded);
      expect(frame.toString('hex')).toBe(hex);
    },
  );

  it.each(named(golden.filter(({ payload }) => payload)))('keeps its text: %s', (_, { type = '', hex, payload = '' }) => {
    const code = typeOf.get(type) ?? 0;
    expect(encodeFrame(code, Buffer.from(payload)).toString('hex')).toBe(hex);
    const reading = readRunFrame(code, Buffer.from(payload));
    if (reading.type !== 'report' || reading.report.kind !== 'points') throw new FrameError('does-not-fit', 'no report');
    expect(payload).toContain(`"points": ${reading.report.points}, "more"`);
  });
});
