import type { IncomingMessage } from 'node:http';
import os from 'node:os';
import { stringifyExact } from '@pythond/points';
import { type Answer, failure, notFound, ok, okJson, redirect, tooLarge, VERSION } from './answer.ts';
import { BodyTooLargeError, readBody } from './body.ts';
import { isLocal, type LastError, lastError } from './last-error-route.ts';
import { PointLog } from './point-log.ts';
import { RateLimit } from './rate-limit.ts';
import { type AcceptedRequest, write } from './write-route.ts';

export interface ServiceOptions {
  /** Called for each accepted request that was not dry, before it is answered. */
  readonly onPoints?: (request: AcceptedRequest) => void;
  /** Requests a second for each client and route, as DataKit's 100; without it there is no limit. */
  readonly rateLimit?: number;
  /** How many of the last points are kept: 100,000. */
  readonly maxPoints?: number;
  /** The clock, in milliseconds. */
  readonly now?: () => number;
}

/** What came in since the start or the last reset. */
export interface ReceivedCounts {
  /** Requests to the write route that were answered, whatever the answer. */
  requests: number;
  /** Of those: accepted and not dry. */
  accepted: number;
  dry: number;
  /** Answered with anything but 200, or without the header. */
  refused: number;
  throttled: number;
  /** Stored points, and of which category. */
  points: number;
  byCategory: Record<string, number>;
}

const KEPT_ERRORS = 1000;

const noneReceived = (): ReceivedCounts => ({
  requests: 0,
  accepted: 0,
  dry: 0,
  refused: 0,
  throttled: 0,
  points: 0,
  byCategory: {},
});

/** Answers requests, whatever server they came through, and keeps what was accepted. */
export class Service {
  readonly log: PointLog;
  readonly received = noneReceived();
  errors: LastError[] = [];
  readonly #options: ServiceOptions;
  readonly #now: () => number;
  readonly #limit: RateLimit | null;
  readonly #startedMs: number;

  constructor(options: ServiceOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#startedMs = this.#now();
    this.#limit = options.rateLimit === undefined ? null : new RateLimit(options.rateLimit, this.#now);
    this.log = new PointLog(options.maxPoints ?? 100_000);
  }

  reset(): void {
    this.log.clear();
    this.errors = [];
    Object.assign(this.received, noneReceived());
  }

  async answer(request: IncomingMessage): Promise<Answer> {
    const { method = '', url = '' } = request;
    const [path = '', search = ''] = url.split(/\?(.*)/s, 2);
    const query = new URLSearchParams(search);
    if (path.startsWith('/_standin/')) return this.#own(method, path, query);
    if (/^\/v1\/(?:write\/[^/]+|ping|ntp|lasterror)\/$/.test(path))
      return redirect(method, path.slice(0, -1));
    const route = `${method} ${path}`;
    const category = /^POST \/v1\/write\/([^/]+)$/.exec(route)?.[1];
    const isKnown =
      category !== undefined || ['GET /v1/ping', 'GET /v1/ntp', 'POST /v1/lasterror'].includes(route);
    if (!isKnown) return notFound;
    if (this.#limit?.take(request.socket.remoteAddress ?? '', path) === false) {
      this.received.throttled += 1;
      return failure(429, 'datakit.reachMaxAPILimit');
    }
    if (route === 'GET /v1/ping') return okJson({ content: this.#ping() });
    if (route === 'GET /v1/ntp') return okJson({ timestamp_sec: Math.floor(this.#now() / 1000) });
    return category === undefined ? this.#lastError(request) : this.#write(request, path, category, query);
  }

  async #write(
    request: IncomingMessage,
    path: string,
    category: string,
    query: URLSearchParams,
  ): Promise<Answer> {
    const { 'content-type': contentType = '', 'content-encoding': contentEncoding = '' } = request.headers;
    const body = await bodyOf(request);
    const context = {
      log: this.log,
      now: this.#now,
      onAccepted: (accepted: AcceptedRequest) => this.#accept(accepted),
      onDry: () => {
        this.received.dry += 1;
      },
    };
    const answer = Buffer.isBuffer(body)
      ? await write({ path, category, query, contentType, contentEncoding, body }, context)
      : body;
    this.received.requests += 1;
    if (answer.status !== 200 || !answer.recognised) this.received.refused += 1;
    return answer;
  }

  #accept(request: AcceptedRequest): void {
    const { received } = this;
    const { category, points } = request;
    received.accepted += 1;
    received.points += points.length;
    received.byCategory[category] = (received.byCategory[category] ?? 0) + points.length;
    this.#options.onPoints?.(request);
  }

  async #lastError(request: IncomingMessage): Promise<Answer> {
    if (!isLocal(request)) {
      const message = 'api /v1/lasterror disabled from external IP, only loopback(localhost) allowed';
      return failure(403, 'datakit.publicAccessDisabled', message);
    }
    const body = await bodyOf(request);
    if (!Buffer.isBuffer(body)) return body;
    return lastError(body, this.#now(), (error) => {
      this.errors = [...this.errors.slice(1 - KEPT_ERRORS), error];
    });
  }

  #ping(): object {
    const uptime = `${((this.#now() - this.#startedMs) / 1000).toFixed(3)}s`;
    return { version: VERSION, uptime, host: os.hostname(), commit: 'standin' };
  }

  /** The stand-in's own pages, for tests and people: what came in, and a fresh start. */
  #own(method: string, path: string, query: URLSearchParams): Answer {
    const route = `${method} ${path}`;
    if (route === 'POST /_standin/reset') {
      this.reset();
      return okJson({});
    }
    if (route === 'GET /_standin/counts') return okJson(this.received);
    if (route === 'GET /_standin/lasterrors') return okJson({ lastErrors: this.errors });
    if (route !== 'GET /_standin/points') return notFound;
    const category = query.get('category');
    const points = this.log.list({
      ...(category === null ? {} : { category }),
      after: Number(query.get('after') ?? 0) || 0,
      limit: Number(query.get('limit') ?? 1000) || 1000,
    });
    const page = { points, last: points.at(-1)?.sequence ?? this.log.sequence };
    return ok(Buffer.from(stringifyExact(page)), 'application/json');
  }
}

async function bodyOf(request: IncomingMessage): Promise<Buffer | Answer> {
  try {
    return await readBody(request);
  } catch (error) {
    return error instanceof BodyTooLargeError ? tooLarge : failure(500, 'unexpectedEOF');
  }
}
