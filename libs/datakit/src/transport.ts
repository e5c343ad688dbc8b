import { rootCertificates } from 'node:tls';
import { Client } from 'undici';
import { abortedCause } from './cause.ts';
import { endpointOf } from './endpoint.ts';
import { AnswerCollector, type AnswerTimes, type Exchange, type HttpRequest } from './exchange.ts';
import { Slots } from './slots.ts';

export interface TransportOptions extends AnswerTimes {
  /** Sockets per endpoint. */
  readonly connections: number;
  readonly connectTimeoutMs: number;
  /** From the request's last byte to the last header of the answer. */
  readonly headersTimeoutMs: number;
  /** Endpoints that keep a pool; the longest unused gives way. */
  readonly maxEndpoints: number;
  /** A certificate authority to trust beside the system's, PEM. */
  readonly ca?: string;
}

/** The right to one request over a socket of an endpoint, until it is left. */
export interface Place {
  /** Never rejects for what the network or the server does. */
  exchange(request: HttpRequest, signal: AbortSignal): Promise<Exchange>;
  leave(): void;
}

/** What is kept for one endpoint: as many clients at most as there are slots, of one socket each. */
interface Line {
  readonly slots: Slots;
  /** The last used at the end. */
  readonly idle: Client[];
  readonly all: Set<Client>;
}

/**
 * HTTP to any number of endpoints, over a bounded number of kept-alive sockets each. A request has a socket of its own
 * before its deadline starts, the one used last for choice. Not undici's Pool: that opened a second socket for one
 * request after another, and a new one in place of each that was given up on. Follows no redirect and adds no header
 * of its own accord (X-Forwarded-For, above all, would make DataKit take a local client for a remote one).
 */
export class Transport {
  readonly #options: TransportOptions;
  /** By origin; the longest unused first. */
  readonly #lines = new Map<string, Line>();
  #closed = false;

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  /** Waits for a place; null when stopped before there was one. Throws EndpointError for an impossible endpoint. */
  async place(endpoint: string, signal: AbortSignal): Promise<Place | null> {
    const line = this.#line(endpoint);
    if (!(await line.slots.acquire(signal))) return null;
    let left = false;
    const leave = () => {
      if (!left) line.slots.release();
      left = true;
    };
    return {
      exchange: (request, requestSignal) => this.#exchange(line, endpoint, request, requestSignal),
      leave,
    };
  }

  /** One request, as soon as there is a place. As {@link Place.exchange}; throws EndpointError. */
  async exchange(endpoint: string, request: HttpRequest, signal: AbortSignal): Promise<Exchange> {
    const place = await this.place(endpoint, signal);
    if (!place) return ABORTED;
    try {
      return await place.exchange(request, signal);
    } finally {
      place.leave();
    }
  }

  /** Closes every socket, at once; what is in flight fails. */
  async close(): Promise<void> {
    this.#closed = true;
    const clients = [...this.#lines.values()].flatMap(({ all }) => [...all]);
    this.#lines.clear();
    await Promise.all(clients.map((client) => client.destroy()));
  }

  async #exchange(
    line: Line,
    endpoint: string,
    request: HttpRequest,
    signal: AbortSignal,
  ): Promise<Exchange> {
    if (this.#closed || signal.aborted) return ABORTED;
    const client = this.#clientOf(line, endpoint);
    const collector = new AnswerCollector(request, endpoint, this.#options, signal);
    const { method, path, headers = {}, body = null } = request;
    client.dispatch({ method, path, headers: { ...headers }, body }, collector);
    const exchange = await collector.settled;
    if (collector.abandoned || this.#closed) discard(line, client);
    else line.idle.push(client);
    return exchange;
  }

  #line(endpoint: string): Line {
    const line = this.#lines.get(endpoint) ?? newLine(this.#options.connections);
    this.#lines.delete(endpoint);
    this.#lines.set(endpoint, line);
    if (this.#lines.size > this.#options.maxEndpoints) this.#evict();
    return line;
  }

  #clientOf(line: Line, endpoint: string): Client {
    const known = line.idle.pop();
    if (known) return known;
    const { connectTimeoutMs, headersTimeoutMs, ca } = this.#options;
    const client = new Client(endpointOf(endpoint), {
      pipelining: 1,
      headersTimeout: headersTimeoutMs,
      // The total deadline covers the body: a time-out between bytes would never fire against one byte a second.
      bodyTimeout: 0,
      connect: { timeout: connectTimeoutMs, ...(ca === undefined ? {} : { ca: [...rootCertificates, ca] }) },
    });
    line.all.add(client);
    return client;
  }

  #evict(): void {
    for (const [endpoint, line] of this.#lines) {
      if (!line.slots.idle) continue;
      this.#lines.delete(endpoint);
      for (const client of line.all) discard(line, client);
      return;
    }
  }
}

const ABORTED: Exchange = { kind: 'failed', cause: abortedCause };

function newLine(connections: number): Line {
  return { slots: new Slots(connections), idle: [], all: new Set() };
}

function discard(line: Line, client: Client): void {
  line.all.delete(client);
  void client.destroy();
}
