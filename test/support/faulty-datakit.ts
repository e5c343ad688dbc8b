import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { type Standin, type StandinOptions, startStandin } from '@pythond/datakit-standin';
import { parseExactJson, stringifyExact } from '@pythond/points';
import { AcceptedPoints } from './accepted-points.ts';
import { type Reply, replies } from './datakit-replies.ts';
import { listenSteadily } from './steady-port.ts';

/** A write as it came in. */
export interface Write {
  readonly category: string;
  /** Its points: lines, or the texts of a JSON list's objects. */
  readonly lines: readonly string[];
  readonly dry: boolean;
  /** When it had come in, in ms of `performance.now()`. */
  readonly atMs: number;
}

/** What to answer in the stand-in's place; null: the stand-in answers. */
export type Fault = (write: Write) => Reply | null;

/** A point that spoils any batch it is in: refused with a 400, or DataKit breaks on it and answers 200 unowned. */
export function poison(isBad: (line: string) => boolean, reply: Reply = replies.rejected): Fault {
  return ({ lines }) => (lines.some(isBad) ? reply : null);
}

/** A stand-in DataKit behind a front that can be told to go wrong, to end and to come back. */
export interface FaultyDatakit {
  readonly url: string;
  readonly port: number;
  readonly standin: Standin;
  /** Every write, whatever its answer was, dry ones included. */
  readonly writes: readonly Write[];
  /** Every point that was accepted, over all restarts. */
  readonly accepted: AcceptedPoints;
  /** From now on. */
  goWrong(fault: Fault | null): void;
  /** Ends as a killed process does: every connection is reset, nobody listens. */
  kill(): Promise<void>;
  /** Listens again, where it did before. */
  revive(): Promise<void>;
  close(): Promise<void>;
}

export async function startFaultyDatakit(
  first: Fault | null = null,
  options: StandinOptions = {},
): Promise<FaultyDatakit> {
  const accepted = new AcceptedPoints();
  const standin = await startStandin({ ...options, onPoints: ({ points }) => accepted.add(points) });
  const writes: Write[] = [];
  const sockets = new Set<Socket>();
  let fault = first;
  const answer = async (message: IncomingMessage, response: ServerResponse) => {
    const body = await bodyOf(message);
    const write = toWrite(message, body);
    if (write) writes.push(write);
    const reply = write && fault?.(write);
    if (!reply) return forward(message, body, standin.url, response);
    if (reply.stored) await drained(message, body, standin.url);
    send(response, reply);
  };
  const server = createServer((message, response) => {
    answer(message, response).catch(() => response.destroy());
  });
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  const port = await listenSteadily(server);
  const kill = async () => {
    for (const socket of sockets) socket.resetAndDestroy();
    if (server.listening) await new Promise((resolve) => server.close(resolve));
  };
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    standin,
    writes,
    accepted,
    goWrong: (next) => {
      fault = next;
    },
    kill,
    revive: async () => {
      if (!server.listening) await listenSteadily(server, port);
    },
    close: async () => {
      await kill();
      await standin.close();
    },
  };
}

function send(response: ServerResponse, { status, headers = {}, body, disowned }: Reply): void {
  response.writeHead(status, disowned ? headers : { ...headers, 'X-DataKit': '1.84.1' }).end(body);
}

async function bodyOf(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function toWrite({ url = '', headers }: IncomingMessage, body: Buffer): Write | null {
  const { pathname, searchParams } = new URL(url, 'http://datakit');
  const category = /^\/v1\/write\/([^/]+)$/.exec(pathname)?.[1];
  if (category === undefined) return null;
  const text = (headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body).toString();
  const isJson = headers['content-type'] === 'application/json';
  const lines = isJson ? jsonPoints(text) : text.split('\n').filter((line) => line !== '');
  return { category, lines, dry: searchParams.has('dry'), atMs: performance.now() };
}

function jsonPoints(text: string): string[] {
  const list = parseExactJson(text);
  return Array.isArray(list) ? list.map((point) => stringifyExact(point)) : [text];
}

/** The stand-in gets it, and its answer goes nowhere. */
function drained(message: IncomingMessage, body: Buffer, to: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const answered = (answer: IncomingMessage) => answer.resume().on('end', resolve);
    upstream(message, to, answered, reject).end(body);
  });
}

function forward(message: IncomingMessage, body: Buffer, to: string, response: ServerResponse): void {
  const answered = (answer: IncomingMessage) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  };
  upstream(message, to, answered, () => response.destroy()).end(body);
}

function upstream(
  { method, url, headers }: IncomingMessage,
  to: string,
  onAnswer: (answer: IncomingMessage) => void,
  onError: (error: Error) => void,
) {
  return request(new URL(url ?? '/', to), { method, headers }, onAnswer).on('error', onError);
}
