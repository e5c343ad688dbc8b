import { it } from 'vitest';
import { join } from 'node:path';
import { startEmbeddedRedis } from '@pythond/embedded-redis';
import { findServer, temporary } from './support.ts';
it('time', async () => {
  const dir = join(await temporary(), 'r'); const out: string[] = [];
  for (let i = 0; i < 6; i++) {
    const t0 = performance.now(); const server = await findServer();
    const t1 = performance.now(); const r = await startEmbeddedRedis({ dir, server, env: process.env });
    const t2 = performance.now(); await r.stop(); const t3 = performance.now();
    out.push(`find ${(t1 - t0).toFixed(0)} start ${(t2 - t1).toFixed(0)} stop ${(t3 - t2).toFixed(0)}`);
  }
  console.log(out.join('\n'));
});
