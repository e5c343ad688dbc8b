import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import type { Server } from 'node:net';

/** Below the ports that systems hand out by themselves, so that nobody takes one while its server is away. */
const FIRST = 20_000;
const LAST = 30_000;
const TRIES = 100;

/** Lets a server listen on a port of 127.0.0.1 that it can leave and come back to; gives the port. */
export async function listenSteadily(server: Server, port?: number): Promise<number> {
  for (let attempt = 1; ; attempt += 1) {
    const chosen = port ?? randomInt(FIRST, LAST);
    try {
      server.listen(chosen, '127.0.0.1');
      await once(server, 'listening');
      return chosen;
    } catch (error) {
      const taken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
      if (port !== undefined || !taken || attempt === TRIES) throw error;
    }
  }
}
