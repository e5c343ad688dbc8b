import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { type Standin, startStandin } from '@pythond/datakit-standin';

/** A write as it came in. */
export interface Write {
  readonly category: string;
  readonly lines: readonly string[];
  readonly dry: boolean;
}

/** What to answer in the stand-in's place; null: the stand-in answers. */
export type Fault = (write: Write) => { readonly status: number; readonly body?: string } | null;

/** A stand-in DataKit behind a front that can be told to go wrong. */
export interface FaultyDatakit {
  readonly url: string;
  readonly standin: Standin;
  /** Every write, whatever its answer was, dry ones included. */
  readonly writes: readonly Write[];
  /** From now on. */
  goWrong(fault: Fault | null): void;
  close(): Promise<void>;
}

export async function startFaultyDatakit(first: Fault | null = null): Promise<FaultyDatakit> {
  const standin = await startStandin();
  const writes: Write[] = [];
  let fault = first;
  const server = createServer((message, response) => {
    void bodyOf(message).then((body) => {
      const write = toWrite(message, body);
      if (write) writes.push(write);
      const answer = write && fault?.(write);
      if (answer) response.writeHead(answer.status, { 'X-DataKit': '1.84.1' }).end(answer.body);
      else forward(message, body, standin.url, response);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    standin,
    writes,
    goWrong: (next) => {
      fault = next;
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await standin.close();
    },
  };
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
  return { category, lines: text.split('\n').filter((line) => line !== ''), dry: searchParams.has('dry') };
}

function forward(
  { method, url, headers }: IncomingMessage,
  body: Buffer,
  to: string,
  response: ServerResponse,
) {
  const upstream = request(new URL(url ?? '/', to), { method, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  upstream.on('error', () => response.destroy());
  upstream.end(body);
}
