import { isCategory } from '@pythond/points';
import { type Answer, failure, lost, ok, tooLarge } from './answer.ts';
import { BodyEncodingError, BodyTooLargeError, UnseenBodyError, unpack } from './body.ts';
import { decode, formatOf } from './decode.ts';
import type { DecodedPoint } from './decoded-point.ts';
import { echo } from './echo.ts';
import type { PointLog, Receipt, StoredPoint } from './point-log.ts';

export interface WriteRequest {
  readonly path: string;
  readonly category: string;
  readonly query: URLSearchParams;
  readonly contentType: string;
  readonly contentEncoding: string;
  readonly body: Buffer;
}

/** A request that was accepted and whose points are stored; a dry one is none. */
export interface AcceptedRequest extends Receipt {
  readonly points: readonly StoredPoint[];
}

export interface WriteContext {
  readonly log: PointLog;
  readonly now: () => number;
  readonly onAccepted: (request: AcceptedRequest) => void;
  readonly onDry: () => void;
}

/** `POST /v1/write/<category>`, in DataKit's order: category, empty body, encoding, points, strict, echo, dry. */
export async function write(request: WriteRequest, context: WriteContext): Promise<Answer> {
  const { category, query } = request;
  if (!isCategory(category)) {
    return failure(400, 'datakit.invalidCategory', `invalid URL ${JSON.stringify(request.path)}`);
  }
  if (request.body.length === 0) return failure(400, 'datakit.emptyBody');
  const body = await unpackBody(request);
  if (!Buffer.isBuffer(body)) return body;
  const nowMs = context.now();
  const decodeContext = {
    category,
    precision: query.get('precision') ?? '',
    nowNs: BigInt(nowMs) * 1_000_000n,
  };
  const decoded = decode(body, formatOf(request.contentType), decodeContext);
  if (decoded.kind === 'lost') return lost;
  if (decoded.kind === 'refused') return failure(400, decoded.code, decoded.message);
  const warning = isSet(query, 'strict') ? firstWarning(decoded.points) : undefined;
  if (warning !== undefined) return failure(400, 'datakit.pointGotWarning', warning);
  // Flags count by being there: dry=false is dry too.
  if (isSet(query, 'dry')) {
    context.onDry();
  } else {
    const receipt: Receipt = { category, query: Object.fromEntries(query), receivedMs: nowMs };
    context.onAccepted({ ...receipt, points: context.log.add(decoded.points, receipt) });
  }
  return ok(echo(decoded.points, query));
}

async function unpackBody({ body, query, contentEncoding }: WriteRequest): Promise<Buffer | Answer> {
  try {
    return await unpack(body, query.get('encoding') || contentEncoding);
  } catch (error) {
    if (error instanceof BodyTooLargeError) return tooLarge;
    if (error instanceof UnseenBodyError) return ok();
    if (error instanceof BodyEncodingError)
      return error.losesBatch ? lost : failure(400, 'datakit.decodeBodyFailed');
    throw error;
  }
}

function isSet(query: URLSearchParams, flag: string): boolean {
  return (query.get(flag) ?? '') !== '';
}

function firstWarning(points: readonly DecodedPoint[]): string | undefined {
  const [warning] = points.flatMap((point) => point.warnings.slice(0, 1));
  return warning === undefined ? undefined : `${warning.type}: ${warning.message}`;
}
