import http from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import os from 'node:os';
import { failure, send } from './answer.ts';
import type { LastError } from './last-error-route.ts';
import type { StoredPoint } from './point-log.ts';
import { type ReceivedCounts, Service, type ServiceOptions } from './service.ts';

export interface StandinOptions extends ServiceOptions {
  /** 127.0.0.1 unless said otherwise. */
  readonly host?: string;
  /** 0 (default): any that is free. */
  readonly port?: number;
}

export interface Standin {
  readonly url: string;
  readonly port: number;
  readonly received: Readonly<ReceivedCounts>;
  /** The last points that were stored, oldest first. */
  points(filter?: {
    readonly category?: string;
    readonly after?: number;
    readonly limit?: number;
  }): StoredPoint[];
  /** The last messages to /v1/lasterror. */
  lastErrors(): readonly LastError[];
  /** Forgets all that came in; sequence numbers go on. */
  reset(): void;
  /** Ends all connections. */
  close(): Promise<void>;
}

/** Starts a server that answers like DataKit 1.84.1 as it was recorded, keeps what it is given, and forwards nothing. */
export async function startStandin(options: StandinOptions = {}): Promise<Standin> {
  const service = new Service(options);
  const server = http.createServer({ requestTimeout: 30_000 }, (request, response) => {
    service
      .answer(request)
      .catch((error: unknown) => failure(500, 'standinFailed', String(error)))
      .then((answer) => send(response, answer, os.hostname()))
      .catch(() => response.destroy());
  });
  server.on('clientError', endBrokenRequest);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, options.host ?? '127.0.0.1', resolve);
  });
  const { port, address, family } = server.address() as AddressInfo;
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`,
    port,
    received: service.received,
    points: (filter) => service.log.list(filter),
    lastErrors: () => service.errors,
    reset: () => service.reset(),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** DataKit answers a body that ends too early with 500, if the client still listens. */
function endBrokenRequest(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable) return;
  const cut = error.code === 'HPE_INVALID_EOF_STATE';
  const body = cut ? '{"error_code":"unexpectedEOF"}' : '400 Bad Request';
  const status = cut ? '500 Internal Server Error' : '400 Bad Request';
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
}
