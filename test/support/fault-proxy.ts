import { connect, createServer, type Server, type Socket } from 'node:net';
import { FaultyLine, type ProxyFault } from './faulty-line.ts';
import { listenSteadily } from './steady-port.ts';

export type { ProxyFault } from './faulty-line.ts';

/** Where a proxy leads: a port of this machine, or a unix socket. */
export type Behind = { readonly port: number } | { readonly path: string };

/** A TCP port of this machine that leads to a server, over a way that can be told to go wrong. */
export interface FaultProxy {
  readonly port: number;
  /** For a server that speaks HTTP. */
  readonly url: string;
  /** Connections ever made, open now, and open at once at most. */
  readonly connections: { readonly made: number; readonly open: number; readonly most: number };
  /** What clients sent into a black hole, as latin-1 text: the newest megabyte. */
  readonly swallowed: string;
  /** From now on, for connections that are open, too; null: everything passes again. */
  goWrong(fault: ProxyFault | null): Promise<void>;
  /** From the first piece on that a client sends with this text in it. */
  goWrongAt(text: string, fault: ProxyFault): void;
  /** Ends every connection that is open, as a CLIENT KILL or a firewall would. */
  reset(): void;
  close(): Promise<void>;
}

const KEPT_BYTES = 1024 ** 2;

export async function startFaultProxy(behind: Behind): Promise<FaultProxy> {
  const lines = new Set<FaultyLine>();
  const connections = { made: 0, open: 0, most: 0 };
  let fault: ProxyFault | null = null;
  let awaited: { readonly text: string; readonly fault: ProxyFault } | null = null;
  let swallowed = '';
  const onSwallowed = (piece: Buffer) => {
    swallowed = (swallowed + piece.toString('latin1')).slice(-KEPT_BYTES);
  };
  const accept = (client: Socket) => {
    const server = connect(behind);
    client.on('data', (piece: Buffer) => {
      if (!awaited || !piece.includes(awaited.text)) return;
      fault = awaited.fault;
      awaited = null;
    });
    const line = new FaultyLine(client, server, () => fault, onSwallowed);
    lines.add(line);
    connections.made += 1;
    connections.open += 1;
    connections.most = Math.max(connections.most, connections.open);
    client.on('close', () => {
      connections.open -= 1;
      lines.delete(line);
    });
  };
  let server = createServer(accept);
  const port = await listenSteadily(server);
  const destroy = (which: (line: FaultyLine) => boolean) => {
    for (const line of [...lines]) if (which(line)) line.destroy();
  };
  const stop = async () => {
    destroy(() => true);
    if (server.listening) await closed(server);
  };
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    connections,
    get swallowed() {
      return swallowed;
    },
    goWrongAt(text, next) {
      awaited = { text, fault: next };
    },
    async goWrong(next) {
      fault = next;
      awaited = null;
      if (next?.kind === 'refuse') return stop();
      destroy(({ spoiled }) => spoiled);
      if (server.listening) return;
      server = createServer(accept);
      await listenSteadily(server, port);
    },
    reset: () => destroy(() => true),
    close: stop,
  };
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}
