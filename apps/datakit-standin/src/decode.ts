import {
  byteStrings,
  ExactJsonError,
  goQuote,
  type JsonPoint,
  parseExactJson,
  parseLineProtocol,
  RefusedSignal,
  readJsonPoint,
} from '@pythond/points';
import { type DecodeContext, type DecodedPoint, decodeJsonPoint, decodeLinePoint } from './decoded-point.ts';

/** What becomes of a body. `lost`: DataKit fails over it, answers 200 without its header, and forgets the batch. */
export type Decoded =
  | { readonly kind: 'points'; readonly points: readonly DecodedPoint[] }
  | { readonly kind: 'refused'; readonly code: string; readonly message: string }
  | { readonly kind: 'lost' };

export type BodyFormat = 'json' | 'protobuf-json' | 'protobuf' | 'lines';

/** Anything that is not known is line protocol. `application/json` may stand anywhere in the header, in lower case. */
export function formatOf(contentType: string): BodyFormat {
  if (contentType.includes('application/json')) return 'json';
  if (contentType === 'application/pbjson; proto=com.guance.Point') return 'protobuf-json';
  if (contentType === 'application/protobuf; proto=com.guance.Point') return 'protobuf';
  return 'lines';
}

export function decode(body: Buffer, format: BodyFormat, context: DecodeContext): Decoded {
  switch (format) {
    case 'json':
    case 'protobuf-json':
      return decodeJson(body, context);
    case 'lines':
      return decodeLines(body, context);
    case 'protobuf':
      // The fleet sends none, and none was recorded: the stand-in can't read it.
      return refused('datakit.invalidProtobufPoint', 'the stand-in does not read protobuf');
  }
}

function decodeJson(body: Buffer, context: DecodeContext): Decoded {
  let points: unknown;
  try {
    points = parseExactJson(body.toString('utf8'), { constants: false });
  } catch (error) {
    if (error instanceof ExactJsonError) return refused('datakit.invalidJsonPoint', error.message);
    throw error;
  }
  if (points === null) return refused('datakit.noPoints', '');
  if (!Array.isArray(points))
    return refused('datakit.invalidJsonPoint', 'the body is not an array of points');
  return decodeAll(points, context);
}

/** The first bad point refuses the batch; over a null, or a tag of protobuf JSON that is no text, the batch is lost. */
function decodeAll(points: readonly unknown[], context: DecodeContext): Decoded {
  const read: JsonPoint[] = [];
  for (const point of points) {
    try {
      if (point !== null) read.push(readJsonPoint(point, 'float'));
    } catch (error) {
      if (!(error instanceof RefusedSignal)) throw error;
      return error.losesBatch ? { kind: 'lost' } : refused('datakit.invalidJsonPoint', error.message);
    }
  }
  if (read.length < points.length) return { kind: 'lost' };
  if (read.length === 0) return refused('datakit.noPoints', '');
  return { kind: 'points', points: read.map((point) => decodeJsonPoint(point, context)) };
}

function decodeLines(body: Buffer, context: DecodeContext): Decoded {
  const text = body.toString('latin1');
  const { precision, nowNs } = context;
  const parsed = parseLineProtocol(text, { precision, nowNs, byteLength: byteStrings.byteLength });
  if (parsed.failures.length > 0) {
    const failures = parsed.failures.map(
      ({ line, position, message }) =>
        `unable to parse '${byteStrings.show(line)}'(pos: ${position}): ${message}`,
    );
    const counts = `with ${parsed.points.length + parsed.unreadable.length} point parse ok, ${failures.length} points failed`;
    const all = [...failures, `${counts}. Origin data: ${goQuote(byteStrings.show(text))}`].join('\n');
    return refused('datakit.invalidLinePoint', `invalid lineprotocol: ${all}`);
  }
  if (parsed.points.length === 0) return refused('datakit.noPoints', '');
  return { kind: 'points', points: parsed.points.map((point) => decodeLinePoint(point, context)) };
}

function refused(code: string, message: string): Decoded {
  return { kind: 'refused', code, message };
}
