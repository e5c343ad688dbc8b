import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface TcpFront {
  readonly port: number;
  close(): Promise<void>;
}

/** A TCP port of this machine that leads to a unix socket: a Redis as most people have it, with its URL. */
export async function startTcpFront(socketPath: string): Promise<TcpFront> {
  const open = new Set<Socket>();
  const server = createServer((client) => {
    const behind = connect(socketPath);
    for (const socket of [client, behind]) {
      open.add(socket);
      socket.on('error', () => undefined).on('close', () => open.delete(socket));
    }
    client.pipe(behind).pipe(client);
    client.on('close', () => behind.destroy());
    behind.on('close', () => client.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      server.close();
      for (const socket of open) socket.destroy();
      if (server.listening) await once(server, 'close');
    },
  };
}
