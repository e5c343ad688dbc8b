import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import {
  type AddressInfo,
  createServer as createTcpServer,
  type Socket,
  type Server as TcpServer,
} from 'node:net';
import { gunzipSync } from 'node:zlib';

export const OWNED = { 'X-DataKit': '1.84.1' };

export interface Received {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  /** Uncompressed. */
  readonly body: string;
  readonly wireBytes: number;
  readonly dry: boolean;
}

export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Answers a request by a reply, or does something to the response itself. */
export type Behaviour = (request: Received, response: ServerResponse) => Reply | undefined;

export interface TestServer {
  readonly endpoint: string;
  readonly port: number;
  readonly requests: Received[];
  /** Connections ever made, open now, and open at once at most. */
  readonly connections: { made: number; open: number; most: number };
  /** Lines of the writes that were answered 2xx and not dry, in order. */
  readonly stored: string[];
  writes(): Received[];
  close(): Promise<void>;
}

export const accepted: Reply = { status: 200, headers: OWNED };
export const refused = (code: string): Reply => ({
  status: 400,
  headers: OWNED,
  body: JSON.stringify({ error_code: `datakit.${code}`, message: 'no' }),
});

const open: { close(): Promise<void> }[] = [];

/** To be called after each test. */
export async function closeServers(): Promise<void> {
  await Promise.all(open.splice(0).map((server) => server.close()));
}

export async function startServer(
  behave: Behaviour = () => accepted,
  host = '127.0.0.1',
): Promise<TestServer> {
  const requests: Received[] = [];
  const stored: string[] = [];
  const server = createServer((message, response) => {
    void receive(message).then((request) => {
      requests.push(request);
      const reply = behave(request, response);
      if (!reply) return;
      const wrote = request.path.startsWith('/v1/write/') && !request.dry;
      if (wrote && reply.status < 300) stored.push(...request.body.split('\n'));
      response.writeHead(reply.status, reply.headers).end(reply.body);
    });
  });
  const tcp = await listen(server, host);
  const writes = () => requests.filter(({ path }) => path.startsWith('/v1/write/'));
  return { ...tcp, requests, stored, writes };
}

/** A server of bytes: `behave` gets each connection after its first request's bytes began to arrive. */
export async function startRawServer(
  behave: (socket: Socket) => void,
): Promise<Pick<TestServer, 'endpoint' | 'port' | 'connections' | 'close'>> {
  const server = createTcpServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => behave(socket));
  });
  return listen(server, '127.0.0.1');
}

/** An endpoint where nobody listens. */
export async function startNothing(): Promise<string> {
  const { endpoint, close } = await startRawServer(() => undefined);
  await close();
  return endpoint;
}

async function listen(
  server: TcpServer,
  host: string,
): Promise<Pick<TestServer, 'endpoint' | 'port' | 'connections' | 'close'>> {
  const sockets = new Set<Socket>();
  const connections = { made: 0, open: 0, most: 0 };
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    connections.made++;
    connections.most = Math.max(connections.most, sockets.size);
    connections.open = sockets.size;
    socket.once('close', () => {
      sockets.delete(socket);
      connections.open = sockets.size;
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  const close = async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  };
  open.push({ close });
  const endpoint = `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
  return { endpoint, port, connections, close };
}

async function receive(message: IncomingMessage): Promise<Received> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  const wire = Buffer.concat(chunks);
  const body = message.headers['content-encoding'] === 'gzip' ? gunzipSync(wire) : wire;
  const url = message.url ?? '';
  const { pathname, searchParams } = new URL(url, 'http://test');
  return {
    method: message.method ?? '',
    path: pathname,
    query: searchParams,
    url,
    headers: message.headers,
    body: body.toString(),
    wireBytes: wire.length,
    dry: searchParams.has('dry'),
  };
}
